"""Indexes and sharding against a real replica set, and that the indexes are what pages run on."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from gigaday.backends.mongo import MongoStore
from gigaday.backends.mongo_admin import MongoAdmin
from gigaday.backends.mongo_query import segments, sort_keys
from gigaday.contracts import Collection, Insert, Query
from gigaday.errors import BackendDown
from gigaday.model.product import PRODUCTS
from tests.servers.mongod import ReplicaSet

pytestmark = pytest.mark.live


@pytest.fixture
async def admin(replica_set: ReplicaSet) -> AsyncIterator[MongoAdmin]:
    opened = MongoAdmin.open(replica_set.uri)
    yield opened
    await opened.close()


@pytest.fixture
def products() -> Collection:
    """Like products, of the test's own."""
    return Collection(f"products_{uuid4().hex}", indexes=PRODUCTS.indexes, expires="expiresAt")


async def test_indexes_are_made_once(admin: MongoAdmin, products: Collection) -> None:
    async def states(*, dry_run: bool = False) -> set[str]:
        return {step.state async for step in admin.indexes([products], dry_run=dry_run)}

    assert await states(dry_run=True) == {"missing"}
    assert await states() == {"made"}
    assert await states() == {"existing"}


async def test_sharding_a_plain_replica_set_says_what_is_needed(admin: MongoAdmin, products: Collection) -> None:
    with pytest.raises(BackendDown, match="mongos"):
        _ = [step async for step in admin.shard([products], dry_run=True)]


async def test_a_set_with_two_data_members_is_warned_of(admin: MongoAdmin) -> None:
    assert any("stall" in warning for warning in await admin.replica_status())


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("sort", ["_id", "createdAt", "updatedAt", "name", "category", "price.amount", "sku"])
async def test_a_page_reads_only_its_own_documents(
    replica_set: ReplicaSet, products: Collection, sort: str, descending: bool
) -> None:
    store = MongoStore.open(replica_set.uri, min_pool=0, wait_ms=2_000)
    await store.prepare([products])
    documents = [_product(n) for n in range(600)]
    await store.write(products, "acme", [Insert(document) for document in documents])
    await store.close()
    middle = documents[300]
    at = middle["price"]["amount"] if sort == "price.amount" else middle[sort]
    async with AsyncMongoClient[dict[str, Any]](replica_set.uri) as client:
        for after in (None, (at, middle["_id"]), (None, "100") if sort not in ("_id", "createdAt") else None):
            query = Query(sort=sort, descending=descending, after=after)
            for where in segments(products, "acme", query):
                find = {"find": products.name, "filter": where, "sort": dict(sort_keys(query)), "limit": 20}
                plan = await client["gigaday"].command("explain", find, verbosity="executionStats")
                assert plan["executionStats"]["totalDocsExamined"] <= 25, (after, where)


def _product(number: int) -> dict[str, Any]:
    some = number % 7 != 0 or number == 300
    return {
        "_id": f"{number:03}",
        "createdBy": "acme",
        "version": 1,
        "createdAt": f"t{number:03}",
        "updatedAt": f"t{number // 3:03}",
        "name": f"n{number % 50:02}",
        "category": f"c{number % 3}" if some else None,
        "sku": f"s{number}" if some else None,
        "price": {"amount": number % 40, "currency": "EUR"} if some else None,
    }
