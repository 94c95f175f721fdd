"""How a value is filled in from the shared cache, or by one load across the fleet.

A node that is about to load claims the load; one that finds it claimed looks a few times for the value to appear, then
loads all the same. A load that fails gives its claim back: nobody is to wait for what will not come. Whatever the
shared cache refuses or delays, the load goes on without it.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from gigaday.caching.flights import Flight
from gigaday.contracts import Clock, SharedCache
from gigaday.errors import BackendDown
from gigaday.rules.freshness import Lifetime

V = TypeVar("V")
Lifetimes = Lifetime | Callable[[V], Lifetime]
"""How long a value lives, said for all or for each (what is missing shorter than what is there)."""
_LEASE = 1.0
_RENEWAL_LEASE = 5.0
_LOOKS = (0.005, 0.01, 0.02, 0.04)
"""Seconds between looks at a value that another node is loading."""


class Codec(Protocol[V]):
    """How values travel, and what they weigh."""

    def encode(self, value: V) -> bytes: ...

    def decode(self, raw: bytes) -> V:
        """Raises ValueError for what is not one of this version's."""

    def size(self, value: V) -> int:
        """Bytes of memory."""


class Loaded(NamedTuple, Generic[V]):
    """`seconds` that the load took; `shared` where the shared cache had it."""

    value: V
    seconds: float
    shared: bool

    @staticmethod
    async def by(load: Callable[[], Awaitable[V]], monotonic: Callable[[], float]) -> "Loaded[V]":
        began = monotonic()
        value = await load()
        return Loaded(value, monotonic() - began, shared=False)


class Shelf(Generic[V]):
    """The shared cache as loads use it. `believed` tells whether its values under some tags can be right."""

    def __init__(
        self, clock: Clock, codec: Codec[V], shared: SharedCache, believed: Callable[[Sequence[str]], bool]
    ) -> None:
        self._clock, self._codec, self._shared, self._believed = clock, codec, shared, believed
        self._telling: set[asyncio.Task[None]] = set()

    async def fill(
        self, flight: Flight[Loaded[V]], load: Callable[[], Awaitable[V]], lifetime: Lifetimes[V], *, renews: bool
    ) -> Loaded[V]:
        """The shared value, or a loaded one, which is then shared. Who `renews` loads although a value is there, unless
        another node is at it."""
        began = self._clock.monotonic()
        look = await self._seek(flight, renews)
        if look.values:
            return Loaded(look.values[0], self._clock.monotonic() - began, shared=True)
        try:
            loaded = await Loaded.by(load, self._clock.monotonic)
        except Exception:
            # After its lease the claim may be another's; it costs that one's fleet a load more, at worst.
            if look.claim:
                self._tell(self._shared.release(look.claim))
            raise
        if look.stamp and not flight.tainted:
            self._tell(self._store(flight.key, loaded.value, look.stamp, lifetime))
        return loaded

    async def close(self) -> None:
        """Waits until the shared cache has been told all."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Whoever loaded does not wait for it."""

        async def tell() -> None:
            with suppress(BackendDown):  # what is not told ends by itself: a claim, or a value that is not stored
                await telling

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _seek(self, flight: Flight[Loaded[V]], renews: bool) -> "_Look[V]":
        look = _Look[V]((), b"")
        if not self._believed(flight.tags):
            return look
        try:
            look = await self._look(flight)
            if look.values and not renews:
                return look
            if claim := await self._claim(flight.key, look.stamp, renews):
                return _Look((), look.stamp, claim)
            for pause in () if look.values else _LOOKS:
                await asyncio.sleep(pause)
                look = await self._look(flight)
                if look.values:
                    break
        except BackendDown:
            return _Look((), look.stamp)
        return look

    async def _look(self, flight: Flight[Loaded[V]]) -> "_Look[V]":
        found = await self._shared.get(flight.key, flight.tags)
        try:
            values = () if found.value is None else (self._codec.decode(found.value),)
        except (ValueError, msgspec.DecodeError):  # another version of this program wrote it
            values = ()
        return _Look(values, found.stamp)

    async def _claim(self, key: str, stamp: bytes, renews: bool) -> str:
        """The claim that was made, or ""."""
        # What was loaded before an invalidation is no reason to wait after it, hence the stamp.
        generation = hashlib.blake2b(stamp, digest_size=8).hexdigest()
        kind, seconds = ("renew", _RENEWAL_LEASE) if renews else ("load", _LEASE)
        name = f"{kind}:{key}:{generation}"
        return name if await self._shared.claim(name, seconds) else ""

    async def _store(self, key: str, value: V, stamp: bytes, lifetime: Lifetimes[V]) -> None:
        lasts = lifetime(value) if callable(lifetime) else lifetime
        await self._shared.set(key, self._codec.encode(value), lasts.ttl, stamp)


class _Look(NamedTuple, Generic[V]):
    """What one look at the shared cache brought: one value or none; and the claim that was made for lack of one."""

    values: tuple[V, ...]
    stamp: bytes
    claim: str = ""
