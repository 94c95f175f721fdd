"""The cache's steps: which of its two ways is taken."""

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.errors import BackendDown
from gigaday.model.mode import FLEET
from gigaday.ops.modes import MODES, Modes
from gigaday.ops.runbook import Unneeded
from gigaday.ops.runbook_cache import BACKUP, DATABASE_ONLY, LIMITS, Redis, steps
from gigaday.ops.runbook_modes import ModeSteps


async def answers():
    return None


async def silent():
    raise BackendDown("refused")


@pytest.fixture
async def modes(tmp_path, clock):
    store = SqliteStore.open(tmp_path / "m.sqlite")
    await store.prepare([MODES])
    yield Modes(store, clock)
    await store.close()


async def done(modes, clock, redis):
    """The steps that have something to do, after which the mode is as they say."""
    names, reasons = [], []
    for step in steps(ModeSteps(modes, clock, "ada", "cache"), redis, 3.0):
        try:
            before = await step.check_before()
        except Unneeded as reason:
            reasons.append(str(reason))
            continue
        await step.act(before)
        await step.check_after(before)
        names.append(step.name)
    known = await modes.get(FLEET)
    assert known.limits == 3.0
    return names, known.cache, " ".join(reasons)


@pytest.mark.parametrize(
    ("redis", "names", "cache", "reason"),
    [
        (Redis(True, answers), [BACKUP, LIMITS], "backup", "the backup cluster answers"),
        (Redis(True, silent), [DATABASE_ONLY, LIMITS], "off", "does not answer: refused"),
        (Redis(True, None), [DATABASE_ONLY, LIMITS], "off", "REDIS_BACKUP_URLS"),
        (Redis(True, answers, abandoned=True), [DATABASE_ONLY, LIMITS], "off", "asked for"),
        (Redis(False, None), [LIMITS], "primary", "REDIS_CLUSTER_URLS"),
    ],
    ids=["backup answers", "backup down", "no backup", "database only", "nothing shared"],
)
async def test_the_backup_is_used_where_it_answers_and_else_the_database(modes, clock, redis, names, cache, reason):
    found = await done(modes, clock, redis)
    assert found[:2] == (names, cache)
    assert reason in found[2]
