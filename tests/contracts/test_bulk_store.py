"""What a BulkStore guarantees beyond a DocumentStore's, and what gathering makes of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from gigaday.backends.mongo_bulk import MongoBulkStore
from gigaday.caching.gathered_store import GatheredStore
from gigaday.contracts import Collection, Document, Insert

pytestmark = pytest.mark.live


@pytest.fixture
async def store(request: pytest.FixtureRequest) -> AsyncIterator[MongoBulkStore]:
    opened = MongoBulkStore.open(request.getfixturevalue("replica_set").uri, min_pool=2, wait_ms=2_000)
    yield opened
    await opened.close()


@pytest.fixture
async def items(store: MongoBulkStore) -> Collection:
    """An empty collection of the test's own."""
    collection = Collection(f"items_{uuid4().hex}")
    await store.prepare([collection])
    return collection


def item(id: str, owner: str, **fields: Any) -> Document:
    return {"_id": id, "createdBy": owner, "version": 1, **fields}


async def test_each_asker_is_given_its_own_alone(store: MongoBulkStore, items: Collection) -> None:
    made = [item("a", "acme"), item("b", "acme"), item("c", "other")]
    assert await store.insert_each(items, made) == ["applied"] * 3
    keys = [("acme", "a"), ("other", "a"), ("other", "c"), ("acme", "c"), ("acme", "none"), ("acme", "b")]
    assert await store.get_each(items, keys) == [made[0], None, made[2], None, None, made[1]]
    assert await store.get_each(items, [("acme", "a")]) == [made[0]]


async def test_what_cannot_be_stored_harms_no_other(store: MongoBulkStore, items: Collection) -> None:
    await store.insert_each(items, [item("taken", "acme")])
    results = await store.insert_each(
        items, [item("a", "acme"), item("taken", "acme"), item("huge", "other", n=2**70), item("b", "other")]
    )
    assert [r if isinstance(r, str) else type(r) for r in results] == ["applied", "exists", OverflowError, "applied"]
    assert all(await store.get_each(items, [("acme", "a"), ("other", "b")]))


async def test_requests_at_once_share_a_command_and_keep_their_outcomes(
    store: MongoBulkStore, items: Collection
) -> None:
    gathered = GatheredStore(store)
    outcomes = await asyncio.gather(
        *(gathered.write(items, f"t{n % 7}", [Insert(item(str(n), f"t{n % 7}"))]) for n in range(200)),
        *(gathered.write(items, "t0", [Insert(item("0", "t0"))]) for _ in range(3)),
    )
    assert sorted(outcome for [outcome] in outcomes) == ["applied"] * 200 + ["exists"] * 3
    found = await asyncio.gather(*(gathered.get(items, f"t{n % 7}", str(n)) for n in range(200)))
    assert [document["_id"] for document in found if document] == [str(n) for n in range(200)]
    assert await gathered.get(items, "t1", "0") is None
