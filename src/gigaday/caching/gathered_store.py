"""Point reads asked for at once become one query, creations one bulk: a round trip costs far more than a row.

Reads gather over one turn of the event loop, so that a lone read waits for nothing. Creations gather over a turn, and
for as long as `_BULKS` bulks are on their way: the busier the database, the larger the next bulk. Each caller gets the
outcome, and the durability, of its own document.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from gigaday.caching.forwarding_store import ForwardingStore
from gigaday.contracts import BulkStore, Collection, Document, Insert, Outcome, Write
from gigaday.errors import BackendDown

_READS_AT_ONCE, _CREATIONS_AT_ONCE = 500, 500
_QUERIES, _BULKS = 8, 2

A = TypeVar("A")
R = TypeVar("R")
Key = tuple[str, str]
"""An owner and an id."""


class Gatherer(Generic[A, R]):
    """Hands what is asked in one turn of the event loop to `work`, by key, at most `size` keys and `width` at a time.

    `work` answers each argument with its result, or with the error that its caller alone is to have. With `shared`,
    callers that ask for one key share its result; else the second is worked on after the first.
    """

    def __init__(
        self, work: Callable[[list[A]], Awaitable[Sequence[R | Exception]]], *, size: int, width: int, shared: bool
    ) -> None:
        self._work, self._size, self._width, self._shared = work, size, width, shared
        self._waiting: dict[Key, tuple[A, asyncio.Future[R]]] = {}
        self._later: list[tuple[Key, A, asyncio.Future[R]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def ask(self, key: Key, argument: A) -> R:
        """The result for `argument`. A caller that gives up takes nobody else's result with it."""
        waiting = self._waiting.get(key)
        if waiting is not None and self._shared:
            return await asyncio.shield(waiting[1])
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if waiting is None:
            self._waiting[key] = argument, future
        else:
            self._later.append((key, argument, future))
        self._schedule()
        return await asyncio.shield(future)

    def _schedule(self) -> None:
        if not self._scheduled and len(self._running) < self._width:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._running) < self._width:
            keys = list(self._waiting)[: self._size]
            self._spawn([self._waiting.pop(key) for key in keys])
            self._promote()

    def _promote(self) -> None:
        """Lets in those whose key was taken."""
        later, self._later = self._later, []
        for key, argument, future in later:
            if key in self._waiting:
                self._later.append((key, argument, future))
            else:
                self._waiting[key] = argument, future

    def _spawn(self, batch: list[tuple[A, "asyncio.Future[R]"]]) -> None:
        # In no request's context: what is gathered is for many, and the first one's deadline is not the others'.
        task = asyncio.get_running_loop().create_task(self._run(batch), context=Context())
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if self._waiting:
            self._schedule()

    async def _run(self, batch: list[tuple[A, "asyncio.Future[R]"]]) -> None:
        try:
            results = await self._work([argument for argument, _ in batch])
        except BaseException as error:  # noqa: BLE001 - whatever it is, every caller is told, and none waits for ever
            told = error if isinstance(error, Exception) else BackendDown("the gathered call was cancelled")
            for _, future in batch:
                _fail(future, told)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                _fail(future, result)
            elif not future.done():
                future.set_result(result)

    async def drain(self) -> None:
        """Returns once nothing is on its way."""
        while self._running:
            await asyncio.wait(self._running)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # Seen here: the caller may have gone.


class GatheredStore(ForwardingStore):
    """A `DocumentStore` over a store with bulk capabilities: point reads and single creations are gathered."""

    def __init__(self, store: BulkStore) -> None:
        super().__init__(store)
        self._bulk = store
        self._reads: dict[str, Gatherer[Key, Document | None]] = {}
        self._creations: dict[str, Gatherer[Document, Outcome]] = {}

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        if not owner:
            raise ValueError("an owner is required")
        gatherer = self._reads.get(collection.name)
        if gatherer is None:
            gatherer = self._reads[collection.name] = Gatherer(
                lambda keys: self._bulk.get_each(collection, keys), size=_READS_AT_ONCE, width=_QUERIES, shared=True
            )
        found = await gatherer.ask((owner, id), (owner, id))
        return found if found is None else {**found}

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        if len(writes) == 1 and isinstance(writes[0], Insert):
            return [await self._create(collection, owner, writes[0].document)]
        return await super().write(collection, owner, writes)

    async def _create(self, collection: Collection, owner: str, document: Document) -> Outcome:
        if not owner or document["createdBy"] != owner:
            raise ValueError("a document belongs to the owner who writes it")
        gatherer = self._creations.get(collection.name)
        if gatherer is None:
            gatherer = self._creations[collection.name] = Gatherer(
                lambda documents: self._bulk.insert_each(collection, documents),
                size=_CREATIONS_AT_ONCE, width=_BULKS, shared=False,
            )  # fmt: skip
        return await gatherer.ask((owner, document["_id"]), document)

    async def close(self) -> None:
        for reads in self._reads.values():
            await reads.drain()
        for creations in self._creations.values():
            await creations.drain()
        await super().close()
