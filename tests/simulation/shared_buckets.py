"""Simulated `SharedBuckets`: one store of buckets, and a link of each worker to it that is slow, loses replies or is
down."""

import asyncio
import math
from random import Random

from gigaday.contracts import Grant, Policy
from gigaday.errors import BackendDown
from gigaday.rules import buckets

BUDGET = 0.05
"""Seconds until a call of a dead store gives up."""


class Store:
    """The buckets, refilled by the store's own clock, which is the simulation's."""

    def __init__(self) -> None:
        self.down = False
        self.levels: dict[str, buckets.Level] = {}
        self.calls = 0

    def level(self, key: str, policy: Policy) -> buckets.Level:
        now = asyncio.get_running_loop().time()
        return buckets.refilled(self.levels.get(key) or buckets.full(policy, now), policy, now)

    def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        self.calls += 1
        if start is not None and key not in self.levels:
            self.levels[key] = buckets.Level(min(start, policy.quota), asyncio.get_running_loop().time())
        level = self.level(key, policy)
        granted = min(most, math.floor(level.tokens + 1e-9))
        if most > 0 and granted < least:
            granted = 0
        tokens = min(float(policy.quota), max(0.0, level.tokens - granted))
        self.levels[key] = buckets.Level(tokens, level.at)
        return Grant(granted, tokens)


class Link:
    """`SharedBuckets` as one worker sees the store: a round trip takes up to `slowest` seconds."""

    def __init__(self, store: Store, random: Random, *, slowest: float = 0.004, lossy: float = 0.0) -> None:
        self._store, self._random, self._slowest, self._lossy = store, random, slowest, lossy
        self.cut = False

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        await self._travel()
        grant = self._store.lease(key, policy, least, most, start)
        if self._random.random() < self._lossy:
            await asyncio.sleep(BUDGET)
            raise BackendDown("the reply was lost")
        await self._travel()
        return grant

    async def _travel(self) -> None:
        if self.cut or self._store.down:
            await asyncio.sleep(BUDGET)
            raise BackendDown("no answer")
        await asyncio.sleep(self._random.uniform(0, self._slowest / 2))

    async def ping(self) -> None:
        await self._travel()

    async def close(self) -> None:
        pass
