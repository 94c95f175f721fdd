"""A primary dies while documents are written: none that was acknowledged is lost, and writing goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from gigaday.backends.mongo import MongoStore
from gigaday.contracts import Collection, Insert, Query
from gigaday.errors import BackendDown
from tests.servers import running
from tests.servers.mongod import ReplicaSet

pytestmark = pytest.mark.live

OWNER = "acme"
ITEMS = Collection("items")
LIMIT_MS = 4_000
WRITABLE_AGAIN = 5.0
"""Seconds: an election takes two, the rest is slack for a busy machine."""


@pytest.fixture
def three_copies() -> Iterator[ReplicaSet]:
    """Three data members: the least that keeps a majority of copies with one lost."""
    with running(ReplicaSet(("data", "data", "data"))) as started:
        yield started


@pytest.fixture
async def store(three_copies: ReplicaSet) -> AsyncIterator[MongoStore]:
    opened = MongoStore.open(three_copies.uri, min_pool=2, wait_ms=2_000, time_limit_ms=LIMIT_MS)
    await opened.prepare([ITEMS])
    yield opened
    await opened.close()


class Writing:
    """Writes numbered documents one after another and notes what became of each."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.slowest = 0.0

    async def run(self, stop: asyncio.Event, name: str) -> None:
        number = 0
        while not stop.is_set():
            await self._one(f"{name}-{number:06}")
            number += 1

    async def _one(self, id: str) -> None:
        started = time.monotonic()
        try:
            outcomes = await self._store.write(ITEMS, OWNER, [Insert({"_id": id, "createdBy": OWNER, "version": 1})])
        except BackendDown:
            self.refused.append(id)
        else:
            assert outcomes == ["applied"]
            self.acknowledged.append(id)
        self.slowest = max(self.slowest, time.monotonic() - started)


async def test_no_acknowledged_write_is_lost_with_the_primary(three_copies: ReplicaSet, store: MongoStore) -> None:
    writing, stop = Writing(store), asyncio.Event()
    writers = [asyncio.create_task(writing.run(stop, f"w{n}")) for n in range(8)]
    await _until(lambda: len(writing.acknowledged) >= 200)
    killed = await asyncio.to_thread(three_copies.primary)
    await asyncio.to_thread(three_copies.kill, killed)
    before = len(writing.acknowledged)
    died = time.monotonic()
    # Eight were under way when it died, so most of fifty were begun afterwards.
    await _until(lambda: len(writing.acknowledged) >= before + 50)
    assert time.monotonic() - died < WRITABLE_AGAIN
    stop.set()
    await asyncio.gather(*writers)
    assert writing.slowest < LIMIT_MS / 1000 + 1
    found: set[str] = set()
    for start in range(0, len(writing.acknowledged), 500):
        found |= set(await store.get_many(ITEMS, OWNER, writing.acknowledged[start : start + 500]))
    assert found == set(writing.acknowledged)


async def test_reads_and_writes_end_in_their_limit_with_no_primary(three_copies: ReplicaSet, store: MongoStore) -> None:
    await store.ping()
    for index in range(3):
        await asyncio.to_thread(three_copies.kill, index)
    calls = (
        store.get(ITEMS, OWNER, "a"),
        store.page(ITEMS, OWNER, Query()),
        store.write(ITEMS, OWNER, [Insert({"_id": "a", "createdBy": OWNER, "version": 1})]),
        store.ping(),
    )
    started = time.monotonic()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BackendDown] * 4
    assert time.monotonic() - started < LIMIT_MS / 1000 + 1


async def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
