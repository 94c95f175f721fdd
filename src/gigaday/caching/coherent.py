"""Values that are loaded once, kept here and in the shared cache, and dropped when what they stand on changes."""

import math
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from gigaday.caching.announcement import Receipt
from gigaday.caching.fill import Codec, Lifetimes, Loaded, Shelf
from gigaday.caching.flights import Flight, Flights
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.local import DEFAULT_BYTES, Entry, Local
from gigaday.caching.trust import BOUND, Trust
from gigaday.contracts import Clock, SharedCache
from gigaday.errors import BackendDown
from gigaday.rules import freshness
from gigaday.rules.freshness import Verdict

V = TypeVar("V")
How = Literal["hit", "miss", "stale", "shared", "degraded"]
_RETRY = 1.0
"""Seconds before a load that failed is tried again for a value that can be served meanwhile."""
_MOST_FLUSHES = 1000


class Answer(NamedTuple, Generic[V]):
    """`how` the value was come by; `degraded` says that it may be outdated and could not be renewed."""

    value: V
    how: How


class Coherent(Generic[V]):
    """Get-or-load. `trust` is that of the node's stream; without one a value of this process is fresh for `BOUND`
    seconds from the beginning of its load."""

    def __init__(
        self,
        clock: Clock,
        codec: Codec[V],
        invalidation: Invalidation,
        trust: Trust,
        *,
        shared: SharedCache | None = None,
        max_bytes: int = DEFAULT_BYTES,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._monotonic = clock.monotonic
        self._trust, self._uniform, self._codec = trust, uniform, codec
        self._invalidation = invalidation
        self._local = Local[V](max_bytes)
        self._find = self._local.get
        self._flights = Flights[Loaded[V]]()
        self._shelf = Shelf(clock, codec, shared, invalidation.believed) if shared is not None else None
        self._flushes: dict[int, float] = {}
        self._epoch = 0
        self.hits = self.misses = self.stale = self.shared_hits = self.degraded = 0
        self.loads = self.failed_loads = self.flushes = 0
        invalidation.attach(self._drop, self._flush)

    @property
    def bytes(self) -> int:
        return self._local.bytes

    @property
    def evictions(self) -> int:
        return self._local.evictions

    @property
    def tainted(self) -> int:
        return self._flights.tainted

    def fresh(self, key: str, now: float) -> V | None:
        """The value, if it is here and nothing is to be done about it at this monotonic second."""
        entry = self._find(key)
        if entry is None or entry.epoch != self._epoch or now >= entry.refresh_at:
            return None
        if now >= self._trust.until and now >= entry.loaded + BOUND:
            return None
        entry.visited = True
        self.hits += 1
        return entry.value

    def held(self, key: str) -> Answer[V] | None:
        """What is here, as old as it may be where nothing else could be had; asks nobody."""
        entry = self._find(key)
        verdict = "dead" if entry is None else self._verdict(entry, self._monotonic())
        if entry is None or verdict == "dead":
            return None
        entry.visited = True
        if verdict in ("fresh", "refresh"):
            self.hits += 1
            return Answer(entry.value, "hit")
        self.degraded += 1
        return Answer(entry.value, "degraded")

    @property
    def version(self) -> int:
        """Grows whenever something that was fresh may have ceased to be, but for the passing of time."""
        return self._local.removals + self._epoch + self._trust.ended

    def fresh_until(self, key: str) -> float:
        """The monotonic second until which `fresh` goes on giving what it gives, if `version` stays."""
        entry = self._find(key)
        if entry is None or entry.epoch != self._epoch:
            return -math.inf
        return min(entry.refresh_at, max(self._trust.until, entry.loaded + BOUND))

    async def fetch(
        self,
        key: str,
        tags: Sequence[str],
        load: Callable[[], Awaitable[V]],
        lifetime: Lifetimes[V],
        *,
        direct: bool = False,
    ) -> Answer[V]:
        """The value from the nearest place that has it. `direct` passes both caches by, for whoever must see a write
        that may not have reached them. Raises what `load` raises; BackendDown only where no old value may stand in."""
        if not direct and (answer := self._answer(key, tags, load, lifetime)) is not None:
            return answer
        flight = self._join(key, tags, load, lifetime, direct)
        try:
            loaded = await flight.landed()
        except BackendDown:
            return self._in_need(key)
        if loaded.shared:
            self.shared_hits += 1
            return Answer(loaded.value, "shared")
        self.misses += 1
        return Answer(loaded.value, "miss")

    async def invalidate(self, tags: Sequence[str], *, urgent: bool = False) -> Receipt:
        """See `Invalidation.invalidate`, which tells every cache of this node."""
        return await self._invalidation.invalidate(tags, urgent=urgent)

    async def close(self) -> None:
        """Ends the loads that go on."""
        await self._flights.close()
        if self._shelf is not None:
            await self._shelf.close()

    def _answer(
        self, key: str, tags: Sequence[str], load: Callable[[], Awaitable[V]], lifetime: Lifetimes[V]
    ) -> Answer[V] | None:
        entry = self._find(key)
        if entry is None:
            return None
        now = self._monotonic()
        verdict = self._verdict(entry, now)
        entry.visited = True
        if verdict in ("refresh", "stale") and now >= entry.retry_at and self._flights.joinable(key) is None:
            self._start(key, tags, load, lifetime, renewal=True)
        if verdict in ("fresh", "refresh"):
            self.hits += 1
            return Answer(entry.value, "hit")
        if verdict == "stale":
            self.stale += 1
            return Answer(entry.value, "stale")
        if verdict != "on_error" or (now >= entry.retry_at and not self._trust.failing):
            return None
        if now >= entry.retry_at and self._flights.joinable(key) is None:
            # A store that is down may take seconds to say so: whoever can be answered does not wait for it.
            self._start(key, tags, load, lifetime)
        return self._in_need(key)

    def _in_need(self, key: str) -> Answer[V]:
        """A value that may be outdated, where there is one young enough; else BackendDown."""
        entry, now = self._find(key), self._monotonic()
        if entry is None or self._verdict(entry, now) == "dead":
            raise BackendDown(f"cannot load {key}")
        self.degraded += 1
        return Answer(entry.value, "degraded")

    def _verdict(self, entry: Entry[V], now: float) -> Verdict:
        if entry.epoch == self._epoch:
            believed = max(entry.loaded + BOUND, self._trust.until)
        else:
            believed = self._flushes.get(entry.epoch, -math.inf)
        return freshness.verdict(
            now, refresh_at=entry.refresh_at, expires=entry.expires, believed_until=believed, lifetime=entry.lifetime
        )

    def _join(
        self, key: str, tags: Sequence[str], load: Callable[[], Awaitable[V]], lifetime: Lifetimes[V], direct: bool
    ) -> Flight[Loaded[V]]:
        flight = None if direct else self._flights.joinable(key)
        if flight is not None:
            now = self._monotonic()
            # An invalidation that is not heard does not taint, so that a long load may have begun before a write.
            if now < self._trust.until or now < flight.began + BOUND:
                return flight
        return self._start(key, tags, load, lifetime, direct=direct)

    def _start(
        self, key: str, tags: Sequence[str], load: Callable[[], Awaitable[V]], lifetime: Lifetimes[V], *,
        direct: bool = False, renewal: bool = False,
    ) -> Flight[Loaded[V]]:  # fmt: skip
        async def fill(flight: Flight[Loaded[V]]) -> Loaded[V]:
            try:
                if self._shelf is None or direct:
                    loaded = await Loaded.by(load, self._monotonic)
                else:
                    loaded = await self._shelf.fill(flight, load, lifetime, renews=renewal)
            except BackendDown:
                self.failed_loads += 1
                self._trust.failing = True
                self._postpone(key)
                raise
            if not loaded.shared:
                self.loads += 1
                self._trust.failing = False
            self._keep(flight, loaded, lifetime)
            return loaded

        return self._flights.start(key, tags, self._monotonic(), fill, alone=direct)

    def _postpone(self, key: str) -> None:
        if (entry := self._find(key)) is not None:
            entry.retry_at = self._monotonic() + _RETRY

    def _keep(self, flight: Flight[Loaded[V]], loaded: Loaded[V], lifetime: Lifetimes[V]) -> None:
        old = self._find(flight.key)
        if flight.tainted or (old is not None and old.loaded > flight.began):
            return
        lasts = lifetime(loaded.value) if callable(lifetime) else lifetime
        ttl = freshness.jittered(lasts.ttl, self._uniform())
        early = freshness.refresh_after(ttl, loaded.seconds, self._uniform())
        self._local.put(
            Entry(
                flight.key, loaded.value, self._codec.size(loaded.value), flight.tags, loaded=flight.began,
                refresh_at=flight.began + early, expires=flight.began + ttl, epoch=self._epoch, lifetime=lasts,
            )
        )  # fmt: skip

    def _drop(self, tags: Sequence[str]) -> None:
        self._flights.taint(tags)
        self._local.drop(tags)

    def _flush(self) -> None:
        """Nothing that is here is believed any more; it is kept for the case that nothing else can be had."""
        self.flushes += 1
        self._flights.taint_all()
        self._flushes[self._epoch] = min(self._monotonic(), max(self._trust.until, self._monotonic() - BOUND))
        self._epoch += 1
        self._flushes.pop(self._epoch - _MOST_FLUSHES, None)
