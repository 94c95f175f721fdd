"""A shared cache behind a guard: one that is slow to fail is asked no more, and loads go on without it."""

from collections.abc import Sequence

from gigaday.contracts import SharedCache, Stamped
from gigaday.resilience.guard import Guard


class GuardedCache:
    """`SharedCache` over another. An invalidation is always tried: it must not be given up because reads fail."""

    def __init__(self, cache: SharedCache, guard: Guard) -> None:
        self._cache, self.guard = cache, guard

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        return await self.guard.call(lambda: self._cache.get(key, tags))

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        await self.guard.call(lambda: self._cache.set(key, value, ttl, stamp))

    async def invalidate(self, tags: Sequence[str]) -> None:
        await self._cache.invalidate(tags)

    async def claim(self, key: str, seconds: float) -> bool:
        return await self.guard.call(lambda: self._cache.claim(key, seconds))

    async def release(self, key: str) -> None:
        await self.guard.call(lambda: self._cache.release(key))

    async def ping(self) -> None:
        await self.guard.probe(self._cache.ping)

    async def close(self) -> None:
        await self._cache.close()
