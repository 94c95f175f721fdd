"""A document store behind guards: one for reading, one for writing, as a database may well do the first alone.

Reads are tried again here, within a budget, and nowhere else. Writes are not: only the store itself can tell a write
that was applied, though its answer was lost, from one that was not, so it alone repeats them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gigaday.contracts import Collection, Document, DocumentStore, Outcome, Query, Write
from gigaday.errors import BackendDown, BackendNotAsked, BackendReadOnly
from gigaday.resilience.guard import Guard

T = TypeVar("T")


class GuardedStore:
    """`DocumentStore` over another. `writable` tells what is known without asking. Where it is not, a write is refused
    at once, and so is a read of what is no tenant's: only the primary tells that, so that its failing says nothing of
    the other reads. A write raises BackendReadOnly only where it was not tried."""

    def __init__(
        self, store: DocumentStore, reads: Guard, writes: Guard, writable: Callable[[], bool] = lambda: True
    ) -> None:
        self._store, self.reads, self.writes, self.writable = store, reads, writes, writable

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        return await self._read(collection, lambda: self._store.get(collection, owner, id))

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        return await self._read(collection, lambda: self._store.get_many(collection, owner, ids))

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        return await self._read(collection, lambda: self._store.page(collection, owner, query))

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self._written(lambda: self._store.write(collection, owner, writes))

    async def delete_expired(self, collection: Collection, now: str) -> int:
        return await self._written(lambda: self._store.delete_expired(collection, now))

    async def prepare(self, collections: Sequence[Collection]) -> None:
        """Unguarded: what a start waits for is nobody's request."""
        await self._store.prepare(collections)

    async def ping(self) -> None:
        """Though the breaker be open: a probe is how recovery is noticed where nobody asks."""
        await self.reads.probe(self._store.ping)
        if not self.writable():
            raise BackendReadOnly(f"{self.writes.name}: takes no writes now")

    async def close(self) -> None:
        await self._store.close()

    async def _read(self, collection: Collection, work: Callable[[], Awaitable[T]]) -> T:
        if not collection.tenanted and not self.writable():
            self.reads.refused += 1
            raise BackendDown(f"{self.reads.name}: no primary to ask")
        return await self.reads.call(work)

    async def _written(self, work: Callable[[], Awaitable[T]]) -> T:
        if not self.writable():
            self.writes.refused += 1
            raise BackendReadOnly(f"{self.writes.name}: takes no writes now")
        try:
            return await self.writes.call(work)
        except BackendNotAsked as error:
            raise BackendReadOnly(str(error)) from error
