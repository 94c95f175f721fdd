"""Steps that change the mode, over a real SQLite file."""

import msgspec
import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.errors import BackendDown, BadRequest
from gigaday.model.mode import FLEET, NORMAL, Setting, of_setting
from gigaday.ops.modes import MODES, SECONDS, Modes
from gigaday.ops.runbook import StepFailed, Unneeded
from gigaday.ops.runbook_modes import ModeSteps, level, stricter


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore.open(tmp_path / "m.sqlite")
    await store.prepare([MODES])
    yield store
    await store.close()


@pytest.fixture
def modes(store, clock):
    return Modes(store, clock)


@pytest.fixture
def steps(modes, clock):
    return ModeSteps(modes, clock, "ada", "flood")


async def do(step):
    before = await step.check_before()
    await step.act(before)
    return before, await step.check_after(before)


def brings(setting):
    return of_setting(setting) if setting is not None else NORMAL


def plain(setting):
    return msgspec.structs.replace(setting, revision=0)


async def test_what_is_wanted_is_set_with_who_and_why_and_the_rest_kept(steps, modes):
    await modes.change(FLEET, {"limits": 0.5}, by="bob")
    before, after = await do(steps.step("s", "why", stricter(lifetimes=4.0)))
    known = await modes.get(FLEET)
    assert (known.lifetimes, known.limits, known.by, known.reason) == (4.0, 0.5, "ada", "gigaday runbook flood")
    assert (before["lifetimes"], after["lifetimes"], before["wanted"]) == (1.0, 4.0, {"lifetimes": 4.0})


async def test_what_is_no_mode_fails_before_it_is_on_record_as_wanted(steps, modes):
    with pytest.raises(BadRequest, match="concurrency"):
        await steps.step("s", "why", stricter(concurrency=0.0)).check_before()


async def test_undoing_restores_all_of_what_was_set(steps, modes):
    await modes.change(FLEET, {"level": "shed"}, by="bob", reason="moving", seconds=600)
    was = await modes.get(FLEET)
    step = steps.step("s", "why", stricter(lifetimes=4.0))
    before, after = await do(step)
    assert await step.undo(before, after) == "lifetimes 1"
    assert plain(await modes.get(FLEET)) == plain(was)


async def test_undoing_where_nothing_was_set_brings_nothing(steps, modes):
    step = steps.step("s", "why", level("read_only"))
    before, _ = await do(step)
    await step.undo(before, None)
    assert await modes.show() == []


async def test_what_others_have_set_since_stays(steps, modes):
    step = steps.step("s", "why", stricter(lifetimes=4.0, limits=2.0))
    before, after = await do(step)
    await modes.change(FLEET, {"level": "shed", "limits": 3.0}, by="bob", seconds=600)
    assert "left as bob has set it: limits 3" in await step.undo(before, after)
    known = await modes.get(FLEET)
    assert (known.lifetimes, known.limits, known.level, known.by) == (1.0, 3.0, "shed", "bob")
    assert known.until is not None


async def test_what_goes_further_already_is_kept(steps, modes):
    await modes.change(FLEET, {"admits": "write", "concurrency": 0.5, "lifetimes": 9.0}, by="bob")
    with pytest.raises(Unneeded, match=r"so already: .*concurrency 0.5"):
        await steps.step("s", "why", stricter(admits="read", concurrency=0.7, lifetimes=4.0)).check_before()


async def test_read_only_refuses_no_less_than_shedding_did(steps, modes):
    await modes.change(FLEET, {"level": "shed"}, by="bob")
    refused = brings(await modes.get(FLEET)).admits
    await do(steps.step("s", "why", level("read_only")))
    now = brings(await modes.get(FLEET))
    assert (now.level, now.admits) == ("read_only", refused)


async def test_what_was_over_does_not_come_back(steps, modes, clock):
    await modes.change(FLEET, {"level": "shed", "lifetimes": 4.0}, by="bob", seconds=5)
    clock.time += 6
    step = steps.step("s", "why", stricter(lifetimes=4.0))
    before, after = await do(step)
    now = brings(await modes.get(FLEET))
    assert (now.level, now.lifetimes) == ("normal", 4.0)
    await step.undo(before, after)
    assert await modes.show() == []


async def test_a_change_that_did_not_last_is_a_failure(steps, modes):
    step = steps.step("s", "why", stricter(lifetimes=4.0))
    before = await step.check_before()
    await step.act(before)
    await modes.clear(FLEET)
    with pytest.raises(StepFailed, match="somebody else"):
        await step.check_after(before)


async def test_where_others_rely_on_it_every_node_has_had_the_time_to_follow(modes, clock):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    steps = ModeSteps(modes, clock, "ada", "flood", sleep)
    await do(steps.step("s", "why", level("read_only"), followed=True))
    assert sum(waited) >= 2 * SECONDS


async def test_what_it_needs_comes_first(steps):
    async def lacks():
        raise BackendDown("no such thing")

    with pytest.raises(BackendDown):
        await steps.step("s", "why", stricter(lifetimes=4.0), lacks).check_before()


async def test_steps_in_a_row_are_undone_to_what_was_before_the_first(steps, modes):
    await modes.put(Setting(FLEET, limits=0.5, by="bob"))
    was = await modes.get(FLEET)
    made = [steps.step(str(field), "why", stricter(**{field: 3.0})) for field in ("lifetimes", "limits", "pool")]
    states = [await do(step) for step in made]
    for step, (before, after) in reversed(list(zip(made, states, strict=True))):
        await step.undo(before, after)
    assert plain(await modes.get(FLEET)) == plain(was)
