"""Every command on a sharded collection names the tenant, and those on one document its id; seen on the wire."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from gigaday.backends.mongo import MongoStore
from gigaday.contracts import Collection, Delete, Document, Filter, Index, Insert, Query, Replace
from tests.servers.mongod import ReplicaSet

pytestmark = pytest.mark.live

PRODUCTS = Collection("products", indexes=(Index((("createdBy", 1), ("price.amount", 1), ("_id", 1))),))
MEDIA = Collection("media")
STATEMENTS = {"update": "updates", "delete": "deletes"}


class Watcher(CommandListener):
    """Keeps commands on products and media, and complains of those that would go to every shard."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get(event.command_name) in (PRODUCTS.name, MEDIA.name):
            self.commands.append({"name": event.command_name, **event.command})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def faults(self) -> list[str]:
        return [f"{command['name']}: {fault}" for command in self.commands for fault in _faults(command)]


def _faults(command: dict[str, Any]) -> list[str]:
    match command["name"]:
        case "find" | "aggregate":
            where = [command.get("filter") or command["pipeline"][0].get("$match", {})]
            return [*_without(where, "createdBy"), *([] if "maxTimeMS" in command else ["no time limit"])]
        case "update" | "delete" as name:
            where = [statement["q"] for statement in command[STATEMENTS[name]]]
            return [*_without(where, "createdBy"), *_without(where, "_id")]
        case "findAndModify":
            return [*_without([command["query"]], "createdBy"), *_without([command["query"]], "_id")]
        case "insert":
            return [*_without(command["documents"], "createdBy"), *_without(command["documents"], "_id")]
        case _:
            return []


def _without(places: list[Any], field: str) -> list[str]:
    return [f"no {field} in {place}" for place in places if field not in _named(place)]


def _named(where: Any) -> set[str]:
    """The fields that every document matched must have as named."""
    inner = (name for term in where.get("$and", ()) for name in _named(term))
    return {*where, *inner}


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def store(replica_set: ReplicaSet, watcher: Watcher) -> AsyncIterator[MongoStore]:
    opened = MongoStore.open(replica_set.uri, min_pool=0, wait_ms=2_000, listeners=[watcher])
    yield opened
    await opened.close()


@pytest.mark.parametrize("collection", [PRODUCTS, MEDIA], ids=lambda one: one.name)
async def test_every_command_names_the_tenant(store: MongoStore, watcher: Watcher, collection: Collection) -> None:
    tenant = f"t-{uuid4().hex}"
    await store.prepare([collection])
    ids = [uuid4().hex for _ in range(9)]
    documents: list[Document] = [
        {"_id": id, "createdBy": tenant, "version": 1, "price": {"amount": n}} for n, id in enumerate(ids)
    ]
    await store.write(collection, tenant, [Insert(document) for document in documents])
    await store.write(collection, tenant, [Insert(documents[0]), Delete("missing"), Delete(ids[8], expected=1)])
    await store.write(collection, tenant, [Replace({**documents[0], "version": 2}, expected=1)])
    await store.write(collection, tenant, [Replace({**documents[1], "version": 2}, expected=7)])
    await store.get(collection, tenant, ids[0])
    await store.get_many(collection, tenant, ids)
    filters = (Filter("price.amount", "gte", 0), Filter("_id", "in", ids))
    for descending in (False, True):
        await store.page(collection, tenant, Query(filters, "price.amount", descending))
        await store.page(collection, tenant, Query(filters, "price.amount", descending, (3, ids[3])))
        await store.page(collection, tenant, Query((), "price.amount", descending, (None, ids[3]), 2))
        await store.page(collection, tenant, Query((), "_id", descending, (ids[3], ids[3]), 2))
    await store.ping()
    assert {command["name"] for command in watcher.commands} >= {"find", "insert", "update", "delete"}
    assert watcher.faults() == []


async def test_the_watcher_sees_a_command_without_a_tenant(store: MongoStore, watcher: Watcher) -> None:
    watcher.commands.append({"name": "find", "filter": {"_id": "a"}, "maxTimeMS": 1})
    watcher.commands.append({"name": "update", "updates": [{"q": {"createdBy": "a"}}]})
    assert watcher.faults() == ["find: no createdBy in {'_id': 'a'}", "update: no _id in {'createdBy': 'a'}"]
