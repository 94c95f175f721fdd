"""A pool whose connections are all taken: who comes next hears so soon, whether to read or to write."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from pymongo import MongoClient

from gigaday.backends.mongo import MongoStore
from gigaday.contracts import Collection, Delete, Insert
from gigaday.errors import BackendDown
from tests.live.traffic import until
from tests.servers.mongod import ReplicaSet

pytestmark = pytest.mark.live

OWNER = "acme"
ITEMS = Collection("pool_items")


@pytest.fixture
async def store(replica_set: ReplicaSet) -> AsyncIterator[MongoStore]:
    opened = MongoStore.open(replica_set.uri, max_pool=1, min_pool=0, wait_ms=100)
    await opened.prepare([ITEMS])
    yield opened
    await opened.close()


@contextmanager
def writes_held(replica_set: ReplicaSet) -> Iterator[None]:
    """The primary takes writes in, and answers none before the context ends."""
    with MongoClient(replica_set.uri) as client:
        client.admin.command("fsync", lock=True)
        try:
            yield
        finally:
            client.admin.command("fsyncUnlock")


async def test_a_write_waits_no_longer_than_a_read_for_a_connection(store: MongoStore, replica_set: ReplicaSet) -> None:
    with writes_held(replica_set):
        held = asyncio.create_task(store.write(ITEMS, OWNER, [Insert({"_id": "a", "createdBy": OWNER, "version": 1})]))
        await asyncio.sleep(0.3)
        for call in (store.write(ITEMS, OWNER, [Delete("b")]), store.get(ITEMS, OWNER, "a")):
            started = time.monotonic()
            with pytest.raises(BackendDown):
                await call
            assert time.monotonic() - started < 1
    assert await held == ["applied"]
    assert await store.write(ITEMS, OWNER, [Delete("a")]) == ["applied"]


async def test_a_pool_is_widened_and_narrowed_while_it_is_used(store: MongoStore, replica_set: ReplicaSet) -> None:
    """`max_pool` is 1, and a write that is held has that connection."""

    async def reads() -> bool:
        try:
            await store.get(ITEMS, OWNER, "a")
        except BackendDown:
            return False
        return True

    with writes_held(replica_set):
        held = asyncio.create_task(store.write(ITEMS, OWNER, [Insert({"_id": "c", "createdBy": OWNER, "version": 1})]))
        await until(lambda: _refused(reads), 5, "the write does not hold the connection")
        store.widen(2)
        assert await asyncio.gather(reads(), reads()) == [True, True]
        store.widen(1)
        assert await reads()  # gives back one more than is wanted, which is not free any more
        assert not await reads()
        store.widen(2)
        assert await reads()
    assert await held == ["applied"]
    assert await store.write(ITEMS, OWNER, [Delete("c")]) == ["applied"]


async def _refused(reads: Callable[[], Awaitable[bool]]) -> bool:
    return not await reads()
