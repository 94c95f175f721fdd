"""The shared cache that the mode names: the primary, the backup, or none.

Nodes follow a switch within a second, not at once. Meanwhile some still use the store that others have left, so that a
store that was left and is used again must not be believed: after each switch (`epoch`) keys are others, and nothing is
read before every node has followed. Until then, what one node writes is dropped in the store that was left, too.
"""

from collections.abc import Sequence
from contextlib import suppress

from gigaday.contracts import Clock, SharedCache, Stamped
from gigaday.errors import BackendDown
from gigaday.model.mode import Store

FOLLOWED = 2.0
"""Seconds after which every node that is alive has followed."""


class SwitchedCache:
    """`SharedCache` over one or two others; without a backup, `backup` is as `off`."""

    def __init__(self, primary: SharedCache, backup: SharedCache | None, clock: Clock) -> None:
        self._primary, self._backup, self._clock = primary, backup, clock
        self._used: SharedCache | None = primary
        self._left: SharedCache | None = None
        self._epoch, self._from = 0, clock.monotonic()

    def use(self, store: Store, epoch: int) -> None:
        """Switches, where this is not the one in use."""
        used = {"primary": self._primary, "backup": self._backup, "off": None}[store]
        if (used, epoch) != (self._used, self._epoch):
            self._left, self._used, self._epoch = self._used, used, epoch
            self._from = self._clock.monotonic() + FOLLOWED

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        return await self._ready().get(self._key(key), tags)

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        await self._ready().set(self._key(key), value, ttl, stamp)

    async def invalidate(self, tags: Sequence[str]) -> None:
        """Where some node may not have followed, too: in the store that was left, and in the primary always. That these
        fail keeps nobody from using another."""
        used = self._used or self._primary
        left = self._left if self._clock.monotonic() < self._from else None
        for other in dict.fromkeys((self._primary, left)):
            if other is not None and other is not used:
                with suppress(BackendDown):  # it is not the one in use
                    await other.invalidate(tags)
        await used.invalidate(tags)

    async def claim(self, key: str, seconds: float) -> bool:
        return await self._ready().claim(self._key(key), seconds)

    async def release(self, key: str) -> None:
        await self._ready().release(self._key(key))

    async def ping(self) -> None:
        await (self._used or self._primary).ping()

    async def close(self) -> None:
        await self._primary.close()
        if self._backup is not None:
            await self._backup.close()

    def _ready(self) -> SharedCache:
        if self._used is None or self._clock.monotonic() < self._from:
            raise BackendDown("no shared cache is used now")
        return self._used

    def _key(self, key: str) -> str:
        return f"{self._epoch}:{key}" if self._epoch else key
