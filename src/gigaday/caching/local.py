"""The cache within a process: bounded in bytes, evicted by SIEVE, indexed by tag.

Source of the eviction: Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024. A hit sets a flag and moves nothing.
"""

from collections.abc import Callable, Iterable
from functools import partial
from sys import getsizeof
from typing import Generic, Protocol, TypeGuard, TypeVar

from gigaday.rules.freshness import Lifetime
from gigaday.rules.tags import ALL

V = TypeVar("V")
DEFAULT_BYTES = 64 << 20
_LARGEST_SHARE = 16
_ENTRY_BYTES = 570
"""What an entry takes besides its key, value and tags: itself, its numbers, its places in dicts (measured)."""
_TAG_BYTES = 110
"""What a tag takes besides its text, once; and each further entry under it."""
_PLACE_BYTES = 60


class Growing(Protocol):
    """A value that calls `grown`, where that is set, whenever its `size` has changed."""

    grown: Callable[[], None] | None

    @property
    def size(self) -> int: ...


class Entry(Generic[V]):
    """A value with what decides whether it may be served; `size` in bytes is that of the value, told by who put it."""

    __slots__ = ("epoch", "expires", "key", "lifetime", "loaded", "newer", "older", "refresh_at", "retry_at", "size",
                 "tags", "value", "visited")  # fmt: skip

    def __init__(
        self, key: str, value: V, size: int, tags: Iterable[str], *,
        loaded: float = 0.0, refresh_at: float = 0.0, expires: float = 0.0, epoch: int = 0, lifetime: Lifetime,
    ) -> None:  # fmt: skip
        self.key, self.value, self.size, self.tags = key, value, size, tuple(tags)
        self.loaded, self.refresh_at, self.expires, self.epoch = loaded, refresh_at, expires, epoch
        self.lifetime = lifetime
        self.retry_at = 0.0
        self.visited = False
        self.newer: Entry[V] | None = None
        self.older: Entry[V] | None = None


class Local(Generic[V]):
    """Entries by key, at most `max_bytes` of them. Readers set an entry's `visited`; nothing else marks a hit."""

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: dict[str, Entry[V]] = {}
        self._tagged: dict[str, Entry[V] | set[Entry[V]]] = {}
        self._newest: Entry[V] | None = None
        self._oldest: Entry[V] | None = None
        self._hand: Entry[V] | None = None
        self.get: Callable[[str], Entry[V] | None] = self._entries.get
        self.bytes = 0
        self.evictions = 0
        self.removals = 0
        """Grows whenever an entry goes, replaced ones included."""

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry[V]) -> bool:
        """Whether it was kept: an entry that would push out a large part of the others is not."""
        old = self._entries.get(entry.key)
        if old is not None:
            entry.visited = old.visited
            self._remove(old)
        if entry.size > self._max_bytes // _LARGEST_SHARE:
            return False
        self._add(entry)
        while self.bytes > self._max_bytes:
            self._evict()
        return entry.key in self._entries

    def _reweigh(self, entry: Entry[V], value: Growing) -> None:
        """As `put` would have it, had the value been of this size then."""
        self.bytes += value.size - entry.size
        entry.size = value.size
        if entry.size > self._max_bytes // _LARGEST_SHARE:
            self._remove(entry)
        while self.bytes > self._max_bytes:
            self._evict()

    def drop(self, tags: Iterable[str]) -> int:
        """Removes every entry under any of `tags`; returns how many."""
        dropped = 0
        for tag in tags:
            for entry in self._under(tag):
                self._remove(entry)
                dropped += 1
        return dropped

    def discard(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is not None:
            self._remove(entry)

    def _under(self, tag: str) -> list[Entry[V]]:
        if tag == ALL:
            return list(self._entries.values())
        found = self._tagged.get(tag)
        if found is None:
            return []
        return list(found) if isinstance(found, set) else [found]

    def _add(self, entry: Entry[V]) -> None:
        self._entries[entry.key] = entry
        self.bytes += _own_bytes(entry)
        if _grows(entry.value):
            entry.value.grown = partial(self._reweigh, entry, entry.value)
        for tag in entry.tags:
            self._index(tag, entry)
        entry.older = self._newest
        if self._newest is not None:
            self._newest.newer = entry
        self._newest = entry
        self._oldest = self._oldest or entry

    def _index(self, tag: str, entry: Entry[V]) -> None:
        if tag == ALL:  # every entry stands under it
            return
        found = self._tagged.get(tag)
        if found is None:
            self._tagged[tag] = entry
            self.bytes += _TAG_BYTES + len(tag)
            return
        if not isinstance(found, set):
            self._tagged[tag] = found = {found}
            self.bytes += getsizeof(found)
        found.add(entry)
        self.bytes += _PLACE_BYTES

    def _unindex(self, tag: str, entry: Entry[V]) -> None:
        found = self._tagged.get(tag)
        if isinstance(found, set):
            found.discard(entry)
            self.bytes -= _PLACE_BYTES
            if len(found) == 1:
                self._tagged[tag] = found.pop()
                self.bytes -= getsizeof(set())
        elif found is entry:
            del self._tagged[tag]
            self.bytes -= _TAG_BYTES + len(tag)

    def _remove(self, entry: Entry[V]) -> None:
        del self._entries[entry.key]
        if _grows(entry.value):
            entry.value.grown = None
        self.removals += 1
        self.bytes -= _own_bytes(entry)
        for tag in entry.tags:
            self._unindex(tag, entry)
        if self._hand is entry:
            self._hand = entry.newer
        if entry.older is None:
            self._oldest = entry.newer
        else:
            entry.older.newer = entry.newer
        if entry.newer is None:
            self._newest = entry.older
        else:
            entry.newer.older = entry.older
        entry.older = entry.newer = None

    def _evict(self) -> None:
        entry = self._hand or self._oldest
        while entry is not None and entry.visited:
            entry.visited = False
            entry = entry.newer or self._oldest
        if entry is not None:
            self._hand = entry
            self._remove(entry)
            self.evictions += 1


def _grows(value: object) -> TypeGuard[Growing]:
    # A Protocol that is checked at run time takes several times as long as all else that `put` does.
    return hasattr(value, "grown")


def _own_bytes(entry: Entry[V]) -> int:
    return _ENTRY_BYTES + len(entry.key) + entry.size
