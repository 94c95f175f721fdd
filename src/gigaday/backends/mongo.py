"""Documents in MongoDB: a replica set or a sharded cluster, on PyMongo's asynchronous client.

Every command names the owner (`createdBy`), and those on one document its `_id` too, so that a cluster sends each to
one shard. Reads carry `maxTimeMS`, writes the driver's own deadline; a caller that gives up never takes a pooled
connection down with it.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from itertools import islice
from typing import Any, Self, TypeVar

import pymongo
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError
from pymongo.monitoring import _EventListener

from gigaday.backends.mongo_connect import Client, connect, database, translated
from gigaday.backends.mongo_documents import stored
from gigaday.backends.mongo_indexes import index_models
from gigaday.backends.mongo_query import segments, sort_keys
from gigaday.contracts import Collection, Delete, Document, Insert, Outcome, Query, Replace, Write
from gigaday.errors import BackendBusy, BackendDown
from gigaday.model.request import time_left

T = TypeVar("T")
_WRITES_AT_ONCE = 16
DUPLICATE_KEY = 11000
_SELECTION_MS = 200
"""How long a call waits for a member that can serve it. An outage is to be told within a second, and the driver heeds
this limit when it wakes alone: after half a second, or sooner and then half a second later."""
_WIDEST = 4
"""By how much the pool may be widened at most."""


class MongoStore:
    """`DocumentStore` on MongoDB. `time_limit_ms` bounds each call."""

    def __init__(self, client: Client, *, time_limit_ms: int = 5_000) -> None:
        self._client = client
        self._database = database(client)
        self._readable = self._database.with_options(read_preference=ReadPreference.PRIMARY_PREFERRED)
        self._limit_ms = time_limit_ms
        self._limit = time_limit_ms / 1000
        self._connections = _Connections(client)
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    def open(
        cls,
        uri: str,
        *,
        max_pool: int = 1_000,
        min_pool: int = 50,
        wait_ms: int = 100,
        time_limit_ms: int = 5_000,
        listeners: Sequence[_EventListener] = (),
    ) -> Self:
        """Connects on first use. `wait_ms` bounds the wait for a pooled connection. Raises BackendDown."""
        client = connect(
            uri,
            max_pool=max_pool * _WIDEST,  # cannot be changed later; `_Connections` keeps to `max_pool`
            min_pool=min(min_pool, max_pool),
            wait_ms=wait_ms,
            time_limit_ms=time_limit_ms,
            selection_ms=min(_SELECTION_MS, time_limit_ms),
            retry_reads=False,  # whoever asks may ask again, and has a budget for it
            listeners=listeners,
        )
        return cls(client, time_limit_ms=time_limit_ms)

    @property
    def writable(self) -> bool:
        """Whether a member is known that takes writes; asks nobody."""
        return self._client.topology_description.has_writable_server()

    def widen(self, factor: float) -> None:
        """So many times the usual connections from now on, at most `_WIDEST`; 1 is back to the usual."""
        self._connections.widen(factor)

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        _require(owner)
        return await self._run(self._find_one(collection, {"createdBy": owner, "_id": id}))

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        _require(owner)
        if not ids:
            return {}
        documents = await self._run(self._find(collection, {"createdBy": owner, "_id": {"$in": list(ids)}}, len(ids)))
        return {document["_id"]: document for document in documents}

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        _require(owner)
        return await self._run(self._page(collection, owner, query))

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        _require(owner)
        return await self._run(self._write(collection, owner, writes))

    async def delete_expired(self, collection: Collection, now: str) -> int:
        """Nothing: the TTL index does it."""
        return 0

    async def prepare(self, collections: Sequence[Collection]) -> None:
        for collection in collections:
            await self._run(self._prepare(collection))

    async def ping(self) -> None:
        # The `ping` command touches no data; this reads, as requests do.
        await self._run(self._readable["health"].find_one({"_id": "ping"}, max_time_ms=self._limit_ms))

    async def close(self) -> None:
        if self._running:
            await asyncio.wait(self._running)
        await self._client.close()

    def _at(self, collection: Collection) -> AsyncCollection[Document]:
        return self._database[collection.name]

    def _read(self, collection: Collection) -> AsyncCollection[Document]:
        """Where to read from: the primary, or while there is none a secondary. Never that for what belongs to the
        service, such as tokens: one that was revoked must not come back because a secondary lags."""
        return (self._readable if collection.tenanted else self._database)[collection.name]

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result, within the time limit. Neither a cancelled caller nor the limit cancels the driver's own work:
        that would close the connection it holds, and a burst of aborts would become a burst of reconnects."""
        task = asyncio.create_task(_translate(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=self._seconds())
        if not done:
            raise BackendDown("mongodb: no answer in time")
        return task.result()

    def _seconds(self) -> float:
        """The time limit, or what is left of the request that this is done for."""
        return time_left(time.monotonic(), self._limit)

    def _seconds_to_write(self) -> float:
        """Enough to see an election out for a write that met its primary, and little for one that finds none."""
        return self._seconds() if self.writable else min(self._seconds(), _SELECTION_MS / 1000)

    def _milliseconds(self) -> int:
        return int(self._seconds() * 1000)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Seen here, so that one nobody waits for any more is not reported as lost.

    async def _find_one(self, collection: Collection, where: dict[str, Any]) -> Document | None:
        async with self._connections:
            return await self._read(collection).find_one(where, max_time_ms=self._milliseconds())

    async def _find(
        self, collection: Collection, where: dict[str, Any], limit: int, sort: list[tuple[str, int]] | None = None
    ) -> list[Document]:
        cursor = self._read(collection).find(
            where, sort=sort, limit=limit, batch_size=limit, max_time_ms=self._milliseconds()
        )
        async with self._connections:
            return await cursor.to_list()

    async def _page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        found: list[Document] = []
        for where in segments(collection, owner, query):
            found += await self._find(collection, where, query.limit - len(found), sort_keys(query))
            if len(found) >= query.limit:
                break
        return found

    async def _write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        documents = [stored(collection, owner, write.document) for write in writes if isinstance(write, Insert)]
        changes = [_ready(collection, owner, write) for write in writes if not isinstance(write, Insert)]
        with pymongo.timeout(self._seconds_to_write()):
            inserted, changed = await asyncio.gather(
                self._insert(collection, documents), self._change_all(collection, owner, changes)
            )
        first, second = iter(inserted), iter(changed)
        return [next(first) if isinstance(write, Insert) else next(second) for write in writes]

    async def _insert(self, collection: Collection, documents: list[Document]) -> list[Outcome]:
        outcomes: list[Outcome] = ["applied"] * len(documents)
        if not documents:
            return outcomes
        try:
            async with self._connections:
                await self._at(collection).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            # An `_id` of another owner counts as "exists" as well: ids are made by the server, so it was not chosen.
            if error.details.get("writeConcernErrors") or not _only_duplicates(error):
                raise
            for fault in error.details["writeErrors"]:
                outcomes[fault["index"]] = "exists"
        return outcomes

    async def _change_all(
        self, collection: Collection, owner: str, changes: Sequence[Replace | Delete]
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        remaining = iter(changes)
        while chunk := list(islice(remaining, _WRITES_AT_ONCE)):
            outcomes += await asyncio.gather(*(self._change(collection, owner, change) for change in chunk))
        return outcomes

    async def _change(self, collection: Collection, owner: str, change: Replace | Delete) -> Outcome:
        id = change.id if isinstance(change, Delete) else change.document["_id"]
        where = {"createdBy": owner, "_id": id}
        expected = where if change.expected is None else {**where, "version": change.expected}
        async with self._connections:
            if isinstance(change, Delete):
                changed = (await self._at(collection).delete_one(expected)).deleted_count
            else:
                changed = (await self._at(collection).replace_one(expected, change.document)).matched_count
            if changed:
                return "applied"
            return "stale" if await self._at(collection).find_one(where, {"_id": 1}) else "missing"

    async def _prepare(self, collection: Collection) -> None:
        at = self._at(collection)
        with pymongo.timeout(self._limit):  # a first connection may take longer than a later call may wait
            if await at.estimated_document_count() == 0:
                await at.create_indexes(index_models(collection))


class _Connections:
    """As many operations at once as connections are wanted, which may change, with the pool's bound on waiting for one:
    within `pymongo.timeout`, which writes need, the driver itself would wait until that ends."""

    def __init__(self, client: Client) -> None:
        pool = client.options.pool_options
        self._wait = pool.wait_queue_timeout
        self._most = self._usual = max(1, int(pool.max_pool_size) // _WIDEST)
        self._free = asyncio.Semaphore(self._usual)
        self._surplus = 0
        """Connections that are not given back to the free ones, since fewer are wanted than there were."""

    def widen(self, factor: float) -> None:
        before, self._most = self._most, int(self._usual * min(factor, _WIDEST))
        more = self._most - before - self._surplus
        self._surplus = max(0, -more)
        for _ in range(more):
            self._free.release()

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError as error:
            raise BackendBusy("mongodb: no connection became free in time") from error

    async def __aexit__(self, *_: object) -> None:
        if self._surplus:
            self._surplus -= 1
        else:
            self._free.release()


def _ready(collection: Collection, owner: str, change: Replace | Delete) -> Replace | Delete:
    if isinstance(change, Delete):
        return change
    return Replace(stored(collection, owner, change.document), change.expected)


def _only_duplicates(error: BulkWriteError) -> bool:
    return all(fault["code"] == DUPLICATE_KEY for fault in error.details["writeErrors"])


async def _translate(work: Coroutine[Any, Any, T]) -> T:
    with translated():
        return await work


def _require(owner: str) -> None:
    if not owner:
        raise ValueError("an owner is required")
