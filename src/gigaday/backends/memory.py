"""Cache and token buckets in the process: the embedded default, right for one worker."""

from collections import OrderedDict
from typing import NamedTuple

from gigaday.contracts import Clock, Decision, Policy
from gigaday.rules import buckets

DEFAULT_BYTES = 64 << 20
_ENTRY_OVERHEAD = 200
_MOST_BUCKETS = 200_000


class _Entry(NamedTuple):
    value: bytes
    until: float


class MemoryCache:
    """`Cache` of at most `max_bytes`, the least recently used going first."""

    def __init__(self, *, clock: Clock, max_bytes: int = DEFAULT_BYTES) -> None:
        self._clock, self._max_bytes = clock, max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.bytes = 0

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        self._drop(key)
        if _size(key, value) > self._max_bytes:
            return
        self._entries[key] = _Entry(value, self._clock.monotonic() + ttl)
        self.bytes += _size(key, value)
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def delete(self, key: str) -> None:
        self._drop(key)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= _size(key, entry.value)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_OVERHEAD


class MemoryBuckets:
    """`Buckets`, exact. Of more than `most` keys the least recently used is forgotten, which fills its bucket."""

    def __init__(self, *, clock: Clock, most: int = _MOST_BUCKETS) -> None:
        self._clock, self._most = clock, most
        self._levels: OrderedDict[str, buckets.Level] = OrderedDict()

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        now = self._clock.monotonic()
        level = self._levels.get(key) or buckets.full(policy, now)
        self._levels[key], decision = buckets.take(level, policy, cost, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return decision
