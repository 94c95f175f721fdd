"""Shared buckets that a test stops and holds up, and a clock that it moves."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from gigaday.contracts import Grant, Policy
from gigaday.errors import BackendDown
from gigaday.limiting.leased import LeasedBuckets
from gigaday.rules import buckets


class HandClock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        """Steps back as time goes on: limits must not heed it."""
        return 2e9 - 10 * self.time

    def monotonic(self) -> float:
        return self.time


class Shelf:
    """`SharedBuckets` in memory; answers once `open` is set, and fails while `down`."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.closed = False
        self.asked: list[tuple[int, int]] = []
        self.levels: dict[str, buckets.Level] = {}

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        self.asked.append((least, most))
        await self.open.wait()
        await self.ping()
        if start is not None and key not in self.levels:
            self.levels[key] = buckets.Level(min(start, policy.quota), self._clock.time)
        level = buckets.refilled(self.levels.get(key) or buckets.full(policy, 0), policy, self._clock.time)
        granted = min(most, math.floor(level.tokens))
        granted = 0 if 0 <= granted < least else granted
        self.levels[key] = buckets.Level(min(policy.quota, level.tokens - granted), level.at)
        return Grant(granted, self.levels[key].tokens)

    async def ping(self) -> None:
        if self.down:
            raise BackendDown("down")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def shelf(clock: HandClock) -> Shelf:
    return Shelf(clock)


@pytest.fixture
def another_shelf(clock: HandClock) -> Shelf:
    return Shelf(clock)


@pytest.fixture
def worker(shelf: Shelf, clock: HandClock) -> Callable[..., LeasedBuckets]:
    """Makes a worker, one of `workers`."""

    def make(workers: int = 1, **more: Any) -> LeasedBuckets:
        return LeasedBuckets(shelf, lambda: workers, clock, **more)

    return make


@pytest.fixture
def turns() -> Callable[[], Any]:
    """Lets what is under way get as far as it can."""

    async def pass_by() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    return pass_by
