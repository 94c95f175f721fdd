"""The whole application in process, with what a benchmark reads off it: reads of the origin, the caches, the limits."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gigaday import compose
from gigaday.caching.forwarding_store import ForwardingStore
from gigaday.compose import Backends, Services
from gigaday.contracts import Clock, Collection, Document, DocumentStore, Query
from gigaday.edge.asgi import App
from gigaday.ops.health import Health
from gigaday.settings import Settings


class CountedStore(ForwardingStore):
    """A document store, and how often each collection was read."""

    def __init__(self, store: DocumentStore) -> None:
        super().__init__(store)
        self.reads: dict[str, int] = {}

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        self._count(collection)
        return await super().get(collection, owner, id)

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        self._count(collection)
        return await super().get_many(collection, owner, ids)

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        self._count(collection)
        return await super().page(collection, owner, query)

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
async def pipeline(settings: Settings) -> AsyncIterator[Pipeline]:
    """All stages over all back ends that `settings` name."""
    async with compose.open_backends(settings) as opened:
        store, clock = CountedStore(opened.documents), ForwardClock(opened.clock)
        backends = replace(opened, documents=store, clock=clock)
        with_ = compose.services(backends, settings)
        if opened.coherence.stream:
            await opened.coherence.stream.start()
        await with_.limits.refresh()
        made = compose.operations(backends, with_.tenancy, settings, documents=with_.delivered)
        app = compose.node(backends, settings, Health({}, clock), made, with_)
        try:
            yield Pipeline(app, backends, with_, store, clock)
        finally:
            await with_.responses.close()


def shuffled(count: int, seed: int = 2026) -> list[int]:
    """Numbers below `count` in an order that no cache can foresee."""
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)
    return numbers
