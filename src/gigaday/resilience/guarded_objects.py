"""An object store behind a guard. Bodies stream for as long as they like; only the rest has a deadline."""

from collections.abc import AsyncIterator, Awaitable, Callable

from gigaday.contracts import GrowingStore, Growth, Presigner, SignedRequest, StoredObject
from gigaday.errors import BackendError
from gigaday.resilience.guard import Guard

Kept = Callable[[Growth], Awaitable[None]]


class GuardedObjects:
    """`GrowingStore` over another. Nothing is tried again here: a body that was read is gone."""

    def __init__(self, store: GrowingStore, guard: Guard) -> None:
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

    async def start(self, key: str, content_type: str) -> Growth:
        return await self.guard.call(lambda: self._store.start(key, content_type))

    async def append(self, growth: Growth, chunks: AsyncIterator[bytes], kept: Kept | None = None) -> Growth:
        try:
            with self.guard.watched():
                return await self._store.append(growth, chunks, kept and _set_apart(kept))
        except _NotTheStores as foreign:
            raise foreign.error from None

    async def complete(self, growth: Growth) -> int:
        # As long as it takes: a large object is put together, or brought down to the disk.
        with self.guard.watched():
            return await self._store.complete(growth)

    async def abandon(self, growth: Growth) -> None:
        await self.guard.call(lambda: self._store.abandon(growth))

    async def unfinished(self, prefix: str) -> AsyncIterator[tuple[Growth, float]]:
        with self.guard.watched():
            async for found in self._store.unfinished(prefix):
                yield found

    async def ping(self) -> None:
        await self.guard.probe(self._store.ping)

    async def tidy(self) -> None:
        await self._store.tidy()

    async def close(self) -> None:
        await self._store.close()


class GuardedPresigner:
    """`Presigner` over another: signing asks nobody, so it needs no guard."""

    def __init__(self, presigner: Presigner, guard: Guard) -> None:
        self._presigner, self._guard = presigner, guard

    def signed_put(self, key: str, seconds: int, *, size: int, content_type: str, sha256: str) -> SignedRequest:
        return self._presigner.signed_put(key, seconds, size=size, content_type=content_type, sha256=sha256)

    def signed_part(self, growth: Growth, number: int, seconds: int, *, size: int, sha256: str | None) -> SignedRequest:
        return self._presigner.signed_part(growth, number, seconds, size=size, sha256=sha256)

    def signed_get(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str:
        return self._presigner.signed_get(key, seconds, content_type=content_type, disposition=disposition)

    async def arrived(self, growth: Growth) -> Growth:
        return await self._guard.call(lambda: self._presigner.arrived(growth))


class _NotTheStores(Exception):
    """An outage of what the caller keeps growths in: it says nothing of the object store."""

    def __init__(self, error: BackendError) -> None:
        super().__init__(error)
        self.error = error


def _set_apart(kept: Kept) -> Kept:
    async def told(growth: Growth) -> None:
        try:
            await kept(growth)
        except BackendError as error:
            raise _NotTheStores(error) from error

    return told
