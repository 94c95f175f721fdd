"""The whole application in process, with what a benchmark reads off it: reads of the origin, the caches, the limits."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from gigaday import compose
from gigaday.compose import Backends, Services
from gigaday.contracts import Clock, Collection, Document, DocumentStore, Outcome, Query, Write
from gigaday.edge import limit
from gigaday.edge.asgi import App
from gigaday.ops.health import Health
from gigaday.settings import Settings


class CountedStore:
    """A document store, and how often each collection was read."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.reads: dict[str, int] = {}

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        self._count(collection)
        return await self._store.get(collection, owner, id)

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        self._count(collection)
        return await self._store.get_many(collection, owner, ids)

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        self._count(collection)
        return await self._store.page(collection, owner, query)

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self._store.write(collection, owner, writes)

    async def delete_expired(self, collection: Collection, now: str) -> int:
        return await self._store.delete_expired(collection, now)

    async def prepare(self, collections: Sequence[Collection]) -> None:
        await self._store.prepare(collections)

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()

    def _count(self, collection: Collection) -> None:
        self.reads[collection.name] = self.reads.get(collection.name, 0) + 1


class ForwardClock:
    """The system's time, `ahead` seconds later: what is cached expires without anybody waiting for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = 0.0

    def now(self) -> float:
        return self._clock.now() + self.ahead

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.ahead


@dataclass(frozen=True)
class Pipeline:
    """`app` answers as a node does; `store` counts what its handlers read."""

    app: App
    backends: Backends
    services: Services
    store: CountedStore
    clock: ForwardClock


@asynccontextmanager
async def pipeline(settings: Settings, at_once: int | None = None) -> AsyncIterator[Pipeline]:
    """All stages over all back ends that `settings` name. `at_once`, where given, stands in for what the plans let one
    tenant have worked on at a time."""
    async with compose.open_backends(settings) as opened:
        store, clock = CountedStore(opened.documents), ForwardClock(opened.clock)
        backends = replace(opened, documents=store, clock=clock)
        with_ = compose.services(backends, settings)
        if opened.coherence.stream:
            await opened.coherence.stream.start()
        await with_.limits.refresh()
        made = compose.operations(backends, with_.tenancy, settings)
        app = compose.node(backends, settings, Health({}, clock), made, with_)
        if at_once is not None:
            _stage(app, limit.Stage).at_once = lambda principal: at_once
        try:
            yield Pipeline(app, backends, with_, store, clock)
        finally:
            await with_.responses.close()


def _stage(app: Any, kind: type[limit.Stage]) -> limit.Stage:
    while not isinstance(app, kind):
        app = app.app
    return app


def shuffled(count: int, seed: int = 2026) -> list[int]:
    """Numbers below `count` in an order that no cache can foresee."""
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)
    return numbers
