"""Token buckets in the process: the embedded default, right for one worker."""

import math
from heapq import heappop, heappush
from typing import NamedTuple

from gigaday.contracts import Clock, Decision, Policy
from gigaday.rules import buckets

_MOST_BUCKETS = 200_000


class _Bucket(NamedTuple):
    level: buckets.Level
    full_at: int


class MemoryBuckets:
    """`Buckets`, exact while at most `most` of them lack something: a full one is as good as none, and goes first.

    Where none is full, the one that would be full soonest (to the second) goes, which forgives the least time of all.
    So a flood of addresses drives out its own buckets, of a token taken each, and not the empty one of a client that is
    refused. One bucket shared by all newcomers instead would let the flood refuse everybody; and whoever owns more
    addresses than there is room for, owns as many limits anyway.
    """

    def __init__(self, *, clock: Clock, most: int = _MOST_BUCKETS) -> None:
        self._clock, self._most = clock, most
        self._buckets: dict[str, _Bucket] = {}
        # The keys by the second in which they will be full, and those seconds in order.
        self._by_second: dict[int, dict[str, None]] = {}
        self._seconds: list[int] = []

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        return self.take_now(key, policy, cost)

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision:
        now = self._clock.monotonic()
        known = self._buckets.get(key)
        level, decision = buckets.take(known.level if known else buckets.full(policy, now), policy, cost, now)
        if known is not None and known.full_at == math.ceil(now + decision.reset) > now:
            # Mostly so, for one that is asked for much: it keeps its place.
            self._buckets[key] = _Bucket(level, known.full_at)
        else:
            self._set(key, policy, level, now)
        return decision

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        now = self._clock.monotonic()
        level = buckets.refilled(self._level(key, policy, now), policy, now)
        self._set(key, policy, level._replace(tokens=level.tokens + cost), now)

    def _level(self, key: str, policy: Policy, now: float) -> buckets.Level:
        known = self._buckets.get(key)
        return known.level if known else buckets.full(policy, now)

    def _set(self, key: str, policy: Policy, level: buckets.Level, now: float) -> None:
        missing = policy.quota - level.tokens
        full_at = math.ceil(now + math.ceil(missing * policy.window / policy.quota))
        known = self._buckets.get(key)
        if known is not None:
            self._drop(key, known)
        self._tidy(now)
        if missing > 0:
            self._keep(key, _Bucket(level, full_at))

    def _keep(self, key: str, bucket: _Bucket) -> None:
        while len(self._buckets) >= self._most:
            self._drop_soonest()
        self._buckets[key] = bucket
        keys = self._by_second.get(bucket.full_at)
        if keys is None:
            keys = self._by_second[bucket.full_at] = {}
            heappush(self._seconds, bucket.full_at)
        keys[key] = None

    def _tidy(self, now: float) -> None:
        # Two steps a taking, which adds a key and a second at most, so that what is past never piles up.
        for _ in range(2):
            if self._seconds and self._seconds[0] <= now:
                self._drop_soonest()

    def _drop(self, key: str, bucket: _Bucket) -> None:
        del self._buckets[key]
        del self._by_second[bucket.full_at][key]

    def _drop_soonest(self) -> None:
        """Drops the bucket that is full soonest, or a second in which none is any longer."""
        if keys := self._by_second[self._seconds[0]]:
            key, _ = keys.popitem()
            del self._buckets[key]
        else:
            del self._by_second[heappop(self._seconds)]
