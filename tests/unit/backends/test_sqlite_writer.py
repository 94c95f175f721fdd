import asyncio
import sqlite3

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
