"""The cache that all nodes share, in Redis Cluster.

A value is kept with the generations (`redis_generations`) of its tags as they were before it was loaded; it is valid
while they are the present ones. A failover may lose what was acknowledged just before, so the invalidations of the last
seconds are kept and made again after one.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gigaday.backends import redis_generations as generations
from gigaday.backends.redis_connect import Question, Redis
from gigaday.backends.redis_lane import ReplyError
from gigaday.contracts import Clock, Stamped
from gigaday.errors import BackendDown
from gigaday.rules import tags as tags_

LONGEST = 7_200.0
"""Seconds that a value is kept at most. Generations are kept for longer still, some 200 bytes for each item that was
written meanwhile, and all of an owner's on one member: a busy writer must not fill that up."""
LARGEST = 1 << 20
"""Bytes of the largest value that is kept: a larger one would hold up its member, and all who ask it."""
_GENERATION_SECONDS = int(LONGEST) + 3_600
"""Longer than any value stored before it, and than any load that began before it, by an hour."""
_UNIQUE_BYTES = 8
_NONE = bytes(_UNIQUE_BYTES)
_KEPT_SECONDS = 10.0
_MOST_KEPT = 50_000
_PAUSE_SECONDS = 0.1


class RedisCache:
    """`SharedCache`. `unique(n)` gives n random bytes."""

    def __init__(self, redis: Redis, *, clock: Clock, unique: Callable[[int], bytes]) -> None:
        self._redis, self._clock, self._unique = redis, clock, unique
        self._recent: dict[str, float] = {}
        self._undone: set[str] = set()
        self._mending: asyncio.Task[None] | None = None
        redis.watch(self._after_failover)

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        entry = f"cache:{key}"
        roots, others = generations.read(entry, tags)
        held, *found = await self._ask([(name, ("GET", name)) for name in (entry, *roots, *others)])
        if None in found[: len(roots)]:
            held = None
            found[: len(roots)] = await self._make(roots)
        stamp = b"".join(_NONE if generation is None else generation for generation in found)
        prefix = _head(stamp)
        return Stamped(held[len(prefix) :] if held is not None and held.startswith(prefix) else None, stamp)

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        milliseconds = int(min(ttl, LONGEST) * 1000)
        if milliseconds > 0 and len(value) <= LARGEST:
            entry = f"cache:{key}"
            await self._ask([(entry, ("SET", entry, _head(stamp) + value, "PX", milliseconds))])

    async def invalidate(self, tags: Sequence[str]) -> None:
        self._remember(tags)
        try:
            await self._change(tags)
        except BackendDown:
            self._undone.update(tags)
            self._mend()
            raise

    async def claim(self, key: str, seconds: float) -> bool:
        name = f"claim:{key}"
        [reply] = await self._ask([(name, ("SET", name, "1", "NX", "PX", max(1, int(seconds * 1000))))])
        return reply is not None

    async def release(self, key: str) -> None:
        name = f"claim:{key}"
        await self._ask([(name, ("DEL", name))])

    async def ping(self) -> None:
        await self._redis.ping()

    async def close(self) -> None:
        if self._mending is not None:
            self._mending.cancel()
            with suppress(asyncio.CancelledError):
                await self._mending
        await self._redis.close()

    async def _ask(self, questions: Sequence[Question]) -> list[Any]:
        try:
            return await self._redis.ask_all(questions)
        except ReplyError as error:
            raise BackendDown(f"redis: {error}") from error

    async def _make(self, roots: Sequence[str]) -> list[bytes]:
        """The generation of each, made where there was none."""
        made = [self._unique(_UNIQUE_BYTES) for _ in roots]
        asked: list[Question] = [
            (root, ("SET", root, value, "NX", "GET", "EX", _GENERATION_SECONDS))
            for root, value in zip(roots, made, strict=True)
        ]
        before = await self._ask(asked)
        return [value if old is None else old for old, value in zip(before, made, strict=True)]

    async def _change(self, tags: Sequence[str]) -> None:
        # A new value every time, also when it is done again: an old one would bring back what was stored under it.
        value = self._unique(_UNIQUE_BYTES)
        names = dict.fromkeys(name for tag in tags for name in generations.written(tag))
        if names:
            await self._ask([(name, ("SET", name, value, "EX", _GENERATION_SECONDS)) for name in names])

    def _remember(self, tags: Sequence[str]) -> None:
        now = self._clock.monotonic()
        for tag in tags:
            self._recent.pop(tag, None)
            self._recent[tag] = now
        while self._recent:
            oldest = next(iter(self._recent))
            if self._recent[oldest] > now - _KEPT_SECONDS and len(self._recent) <= _MOST_KEPT:
                break
            if self._recent.pop(oldest) > now - _KEPT_SECONDS:
                self._recent[tags_.ALL] = now  # too many to name

    def _after_failover(self) -> None:
        since = self._clock.monotonic() - _KEPT_SECONDS
        self._undone.update(tag for tag, at in self._recent.items() if at > since)
        self._mend()

    def _mend(self) -> None:
        if self._undone and (self._mending is None or self._mending.done()):
            self._mending = asyncio.create_task(self._do_again())

    async def _do_again(self) -> None:
        """Makes the invalidations again that failed or may be lost, until they are done."""
        while self._undone:
            if len(self._undone) > _MOST_KEPT:
                self._undone = {tags_.ALL}
            tags, self._undone = self._undone, set()
            try:
                await self._change(list(tags))
            except BackendDown:
                self._undone |= tags
                await asyncio.sleep(_PAUSE_SECONDS)


def _head(stamp: bytes) -> bytes:
    return len(stamp).to_bytes(2, "big") + stamp
