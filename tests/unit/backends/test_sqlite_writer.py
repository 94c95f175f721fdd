import asyncio
import sqlite3
import threading

import pytest

from gigaday.backends.sqlite_writer import Writer
from gigaday.errors import BackendDown, BackendFull


@pytest.fixture
async def writer(tmp_path):
    connection = sqlite3.connect(tmp_path / "w.sqlite", check_same_thread=False, isolation_level=None)
    connection.execute("CREATE TABLE t (x INTEGER UNIQUE)")
    writer = Writer(connection)
    yield writer
    writer.close()


async def count(writer) -> int:
    return await writer.run(lambda c: c.execute("SELECT count(*) FROM t").fetchone()[0])


async def test_jobs_that_wait_together_are_one_transaction(writer):
    states: list[int] = []

    def insert(value: int):
        def job(connection):
            states.append(connection.total_changes)
            connection.execute("INSERT INTO t VALUES (?)", (value,))

        return job

    await asyncio.gather(*(writer.run(insert(value)) for value in range(200)))
    assert await count(writer) == 200


async def test_one_job_that_fails_does_not_harm_its_neighbours(writer):
    def insert(value):
        return writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,)))

    results = await asyncio.gather(insert(1), insert(1), insert(2), return_exceptions=True)
    assert [isinstance(result, BackendDown) for result in results] == [False, True, False]
    assert await count(writer) == 2


async def test_a_job_that_fails_half_way_leaves_nothing(writer):
    def job(connection):
        connection.execute("INSERT INTO t VALUES (7)")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await writer.run(job)
    assert await count(writer) == 0


async def test_a_full_disk_is_told_as_such(writer):
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count=3"))
    rows = [(value,) for value in range(100_000)]
    with pytest.raises(BackendFull):
        await writer.run(lambda connection: connection.executemany("INSERT INTO t VALUES (?)", rows))


async def test_a_cancelled_caller_does_not_undo_the_write(writer):
    task = asyncio.create_task(writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (1)")))
    await asyncio.sleep(0)
    task.cancel()
    assert await count(writer) == 1


async def test_closing_finishes_what_is_queued(tmp_path):
    connection = sqlite3.connect(tmp_path / "c.sqlite", check_same_thread=False, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    writer = Writer(connection)
    waiting = asyncio.create_task(writer.run(lambda c: c.execute("INSERT INTO t VALUES (1)")))
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.close)
    await waiting
    assert sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT count(*) FROM t").fetchone() == (1,)


@pytest.mark.parametrize("error", [OverflowError, KeyError, TypeError, MemoryError, RecursionError])
async def test_whatever_a_job_raises_its_caller_hears_and_the_next_goes_on(writer, error):
    def job(connection):
        connection.execute("INSERT INTO t VALUES (7)")
        raise error("no")

    with pytest.raises(ValueError if error is OverflowError else error):
        await asyncio.wait_for(writer.run(job), 2)
    assert await asyncio.wait_for(count(writer), 2) == 0


class StubbornOnce(sqlite3.Connection):
    """Refuses its first COMMIT and its first ROLLBACK."""

    refused: set[str]

    def execute(self, statement, *values):
        if statement in ("COMMIT", "ROLLBACK") and statement not in self.refused:
            self.refused.add(statement)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(statement, *values)


async def test_a_rollback_that_fails_is_made_good_later(tmp_path):
    connection = sqlite3.connect(
        tmp_path / "s.sqlite", check_same_thread=False, isolation_level=None, factory=StubbornOnce
    )
    connection.refused = set()
    connection.executescript("CREATE TABLE t (x INTEGER)")
    writer = Writer(connection)

    def insert(value):
        return asyncio.wait_for(writer.run(lambda c: c.execute("INSERT INTO t VALUES (?)", (value,)).rowcount), 2)

    with pytest.raises(BackendDown, match="I/O"):
        await insert(1)
    with pytest.raises(BackendDown, match="within a transaction"):
        await insert(2)
    assert await insert(3) == 1
    assert await count(writer) == 1
    writer.close()


async def test_a_write_that_takes_too_long_is_told_and_one_that_has_not_begun_never_does(writer):
    go_on = threading.Event()

    def slow(connection):
        go_on.wait(10)
        connection.execute("INSERT INTO t VALUES (1)")

    begun = asyncio.create_task(writer.run(slow, within=0.05))
    await asyncio.sleep(0.01)
    waiting = writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (2)"), within=0.05)
    with pytest.raises(BackendDown, match="in time"):
        await waiting
    with pytest.raises(BackendDown, match="in time"):
        await begun
    go_on.set()
    assert await writer.run(lambda c: c.execute("SELECT x FROM t").fetchall()) == [(1,)]
