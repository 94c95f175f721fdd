"""The audit trail on a real SQLite file that fails when told."""

from itertools import count

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.errors import BackendDown
from gigaday.ops.audit import AUDIT, Audit, AuditFile


class Store(SqliteStore):
    """Fails while it is told to."""

    down = False

    async def page(self, *asked):
        if self.down:
            raise BackendDown("gone")
        return await super().page(*asked)

    async def write(self, *asked):
        if self.down:
            raise BackendDown("gone")
        return await super().write(*asked)


@pytest.fixture
async def store(tmp_path):
    store = Store.open(tmp_path / "a.sqlite")
    await store.prepare([AUDIT])
    yield store
    await store.close()


@pytest.fixture
def file(tmp_path):
    return AuditFile(tmp_path / "new" / "audit.jsonl")


@pytest.fixture
def audit(store, clock, file):
    numbers = count(1_000, -1)
    # Ever smaller, so that nothing but the time can put entries in order.
    return Audit(store, clock, file, "ada@here", lambda size: next(numbers).to_bytes(size, "big"))


async def test_entries_tell_who_when_and_what_the_newest_first(audit, clock):
    begun = await audit.add("begun", "spike")
    await audit.add("done", "spike", begun.run, step="a", before={"x": 1}, after={"x": 2}, result="x 1 -> 2")
    done, first = await audit.entries()
    assert (done.by, done.at, done.run, done.before, done.after) == (
        "ada@here", "2027-01-15T08:00:00.001Z", begun.id, {"x": 1}, {"x": 2}
    )  # fmt: skip
    assert first == begun


async def test_what_one_moment_brings_stays_in_order(audit):
    for number in range(20):
        await audit.add("done", "spike", "run", step=str(number))
    assert [entry.step for entry in await audit.entries()] == [str(number) for number in reversed(range(20))]


async def test_only_the_latest_or_those_of_a_procedure(audit):
    for procedure in ("spike", "cache", "spike"):
        await audit.add("begun", procedure)
    assert [entry.procedure for entry in await audit.entries(2)] == ["spike", "cache"]
    assert [entry.procedure for entry in await audit.entries(procedure="cache")] == ["cache"]


async def test_what_the_database_does_not_take_is_kept_in_the_file_and_handed_over_later(audit, store, file):
    await audit.add("begun", "spike")
    assert file.read() == []
    store.down = True
    failed = await audit.add("failed", "cache", result="gone")
    assert await audit.entries() == [failed] == file.read()
    store.down = False
    assert [entry.what for entry in await audit.entries()] == ["failed", "begun"]
    file.path.unlink()
    assert [entry.what for entry in await audit.entries()] == ["failed", "begun"]


async def test_a_line_that_a_crash_has_cut_off_takes_no_other_with_it(audit, store, file):
    store.down = True
    first = await audit.add("begun", "spike")
    with file.path.open("ab") as cut:
        cut.write(b'{"id": "half')
    second = await audit.add("begun", "cache")
    assert file.read() == [first, second]


async def test_without_a_database_the_file_alone_is_used(clock, file):
    audit = Audit(None, clock, file, "ada")
    await audit.add("begun", "spike")
    assert [entry.what for entry in await audit.entries()] == ["begun"]
