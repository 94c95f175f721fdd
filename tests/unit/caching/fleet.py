"""Nodes of a fleet in simulated time, for tests that script what happens: nothing is lost unasked."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from gigaday.caching.coherent import Answer, Coherent
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.stream import Stream
from gigaday.caching.trust import Trust
from gigaday.errors import BackendDown
from gigaday.rules import tags
from gigaday.rules.freshness import Lifetime
from tests.simulation.coherence_world import LoopClock, SimulatedBus, SimulatedShared, now

TAGS = tags.of_item("acme", "products", "1")
CHANGED = tags.changed("acme", "products", ["1"])
SETTLED = 1.5
HOUR = Lifetime()


class Steady(Random):
    """Always the same number: no fault happens by chance."""

    def random(self) -> float:
        return 0.5


class Text:
    def encode(self, value: str) -> bytes:
        return value.encode()

    def decode(self, raw: bytes) -> str:
        return raw.decode()

    def size(self, value: str) -> int:
        return len(value)


class Source:
    """What is cached: a value that tests change, loads that they count, slow down and break."""

    def __init__(self) -> None:
        self.value, self.seconds = "old", 0.01
        self.down = False
        self.fails_after = 0.0
        self.loads = 0

    async def __call__(self) -> str:
        self.loads += 1
        if self.down:
            await asyncio.sleep(self.fails_after)
            raise BackendDown("database")
        value = self.value
        await asyncio.sleep(self.seconds)
        return value


class Fleet:
    """What the nodes share."""

    def __init__(self) -> None:
        self.shared, self.bus, self.source = SimulatedShared(Steady()), SimulatedBus(Steady()), Source()

    async def node(self, name: str) -> "Node":
        made = Node(self, name)
        await made.stream.start()
        return made


class Node:
    """A node of the fleet, or one that stands alone."""

    def __init__(self, fleet: Fleet, name: str = "n1", *, alone: bool = False) -> None:
        self.fleet, clock, trust = fleet, LoopClock(Random(1)), Trust()
        self.trust = trust
        shared = None if alone else fleet.shared
        self.link = fleet.bus.link()
        self.stream = Stream(self.link, clock, trust, node=name)
        self.invalidation = Invalidation(shared, None if alone else self.stream)
        self.cache = Coherent(clock, Text(), self.invalidation, trust, shared=shared, uniform=lambda: 0.5)

    async def get(self, lifetime: Lifetime | Callable[[str], Lifetime] = HOUR, **more: bool) -> Answer[str]:
        return await self.cache.fetch("k", TAGS, self.fleet.source, lifetime, **more)

    def fresh(self, key: str) -> str | None:
        return self.cache.fresh(key, now())

    async def write(self, value: str) -> str:
        """Returns the receipt's token."""
        self.fleet.source.value = value
        return (await self.cache.invalidate(CHANGED)).token

    def trusted(self) -> bool:
        return now() < self.trust.until


async def fleet_of(size: int) -> tuple[Fleet, list[Node]]:
    """Nodes that trust their stream."""
    fleet = Fleet()
    nodes = [await fleet.node(f"n{number}") for number in range(1, size + 1)]
    await asyncio.sleep(SETTLED)
    return fleet, nodes


async def together(*going: Awaitable[Answer[str]]) -> set[tuple[str, str]]:
    return set(await asyncio.gather(*going))
