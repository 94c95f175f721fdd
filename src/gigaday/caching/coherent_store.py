"""A document store whose writes invalidate what was cached of them, before they are acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from gigaday.caching.forwarding_store import ForwardingStore
from gigaday.contracts import Collection, DocumentStore, Insert, Outcome, Replace, Write
from gigaday.errors import BackendDown
from gigaday.rules import tags

R = TypeVar("R")
_LATEST = 5.0
"""Seconds within which a write of unknown outcome has been applied, or never will be."""


class CoherentStore(ForwardingStore, Generic[R]):
    """`DocumentStore` over another. A write of unknown outcome invalidates at once, and again when it must be over.
    `receipts` is told, in the writer's own context, what `invalidate` returned. `uncached` names collections of which
    nothing is cached, so that writes to them pass. What expires by itself invalidates nothing: it is cached for as long
    as it lives at most."""

    def __init__(
        self,
        store: DocumentStore,
        invalidate: Callable[[Sequence[str]], Awaitable[R]],
        receipts: Callable[[R], None] = lambda receipt: None,
        uncached: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(store)
        self._invalidate, self._receipts, self._uncached = invalidate, receipts, uncached
        self._going: set[asyncio.Task[Any]] = set()

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        if collection.name in self._uncached:
            return await self._store.write(collection, owner, writes)
        # Shielded: a writer that goes away must not leave the old value cached over what it wrote.
        task = asyncio.create_task(self._write(collection, owner, writes))
        self._keep(task)
        outcomes, receipt = await asyncio.shield(task)
        if receipt is not None:
            self._receipts(receipt)
        return outcomes

    async def close(self) -> None:
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)
        await super().close()

    async def _write(
        self, collection: Collection, owner: str, writes: Sequence[Write]
    ) -> tuple[list[Outcome], R | None]:
        try:
            outcomes = await self._store.write(collection, owner, writes)
        except BackendDown:
            await self._doubt(collection, owner, writes)
            raise
        applied = [_id(write) for write, outcome in zip(writes, outcomes, strict=True) if outcome == "applied"]
        if not applied:
            return outcomes, None
        return outcomes, await self._invalidate(tags.changed(owner, collection.name, applied))

    async def _doubt(self, collection: Collection, owner: str, writes: Sequence[Write]) -> None:
        changed = tags.changed(owner, collection.name, [_id(write) for write in writes])
        await self._invalidate(changed)
        self._keep(asyncio.create_task(self._again(changed)))

    async def _again(self, changed: Sequence[str]) -> R:
        await asyncio.sleep(_LATEST)
        return await self._invalidate(changed)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._going.add(task)
        task.add_done_callback(self._going.discard)


def _id(write: Write) -> str:
    return str(write.document["_id"]) if isinstance(write, Insert | Replace) else write.id
