import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Collection, Filter, Insert, Query
from gigaday.errors import BackendDown

ITEMS = Collection("items")


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore.open(tmp_path / "documents.sqlite", time_limit=1.0)
    documents = [{"_id": f"{n:05}", "createdBy": "acme", "version": 1} for n in range(20_000)]
    await store.write(ITEMS, "acme", [Insert(document) for document in documents])
    yield store
    await store.close()


ENDLESS = Query(tuple(Filter(f"f{n}", "ne", "x") for n in range(900)), sort="none", limit=1)


async def test_a_read_ends_at_the_time_limit(store, tmp_path):
    hurried = SqliteStore.open(tmp_path / "documents.sqlite", time_limit=0.05)
    with pytest.raises(BackendDown):
        await hurried.page(ITEMS, "acme", ENDLESS)
    await hurried.close()


async def test_reads_that_wait_for_cancelled_ones_hold_no_thread(store):
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(5))
    endless = [asyncio.create_task(store.page(ITEMS, "acme", ENDLESS)) for _ in range(4)]
    await asyncio.sleep(0.1)
    for task in endless:
        task.cancel()
    await asyncio.gather(*endless, return_exceptions=True)
    waiting = [asyncio.create_task(store.get_many(ITEMS, "acme", ["00001"])) for _ in range(4)]
    await asyncio.sleep(0)
    other = asyncio.create_task(asyncio.to_thread(int))
    first, _ = await asyncio.wait({other, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert first == {other}
    assert [len(found) for found in await asyncio.gather(*waiting)] == [1] * 4


async def test_a_number_too_large_for_the_store_is_the_callers_fault(store):
    with pytest.raises(ValueError, match="storable"):
        await store.page(ITEMS, "acme", Query((Filter("price", "gt", 1 << 70),)))
