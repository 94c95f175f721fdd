"""An object store behind a guard. Bodies stream for as long as they like; only the rest has a deadline."""

from collections.abc import AsyncIterator

from gigaday.contracts import ObjectStore, StoredObject
from gigaday.resilience.guard import Guard


class GuardedObjects:
    """`ObjectStore` over another. Nothing is tried again here: a body that was read is gone."""

    def __init__(self, store: ObjectStore, guard: Guard) -> None:
        self._store, self.guard = store, guard

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        with self.guard.watched():
            return await self._store.put(key, chunks, content_type)

    async def size(self, key: str) -> int | None:
        return await self.guard.call(lambda: self._store.size(key))

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        with self.guard.watched():
            async for chunk in self._store.read(key, start, end):
                yield chunk

    async def delete(self, key: str) -> None:
        await self.guard.call(lambda: self._store.delete(key))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        with self.guard.watched():
            async for found in self._store.list(prefix):
                yield found

    async def ping(self) -> None:
        await self.guard.probe(self._store.ping)

    async def tidy(self) -> None:
        await self._store.tidy()

    async def close(self) -> None:
        await self._store.close()
