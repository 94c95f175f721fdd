"""What a simulated fleet of caches stands on: a database, a shared cache and a bus, slow and broken out of one seed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import msgspec

from gigaday.contracts import Stamped
from gigaday.errors import BackendDown

BUDGET = 0.05
_OVERTAKING = 0.1


def now() -> float:
    return asyncio.get_running_loop().time()


class LoopClock:
    """The loop's monotonic time; the time of day jumps about, which must not matter."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.monotonic = asyncio.get_running_loop().time

    def now(self) -> float:
        return self._random.uniform(0, 2e9)


class Fault:
    """Something that is broken until some second."""

    def __init__(self) -> None:
        self.until = 0.0

    def on(self) -> bool:
        return now() < self.until


class Database:
    """Versions by item. A write commits between its request and its answer; either may be slow."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.versions: dict[str, int] = {}
        self.down = Fault()

    async def read(self, item: str) -> int:
        await self._travel()
        if self.down.on():
            raise BackendDown("database")
        version = self.versions.get(item, 0)
        await self._travel()
        return version

    async def write(self, item: str) -> int:
        await self._travel()
        if self.down.on():
            raise BackendDown("database")
        version = self.versions[item] = self.versions.get(item, 0) + 1
        await self._travel()
        return version

    async def _travel(self) -> None:
        slowness = self._random.random()
        slowest = 1.8 if slowness < 0.03 else 0.3 if slowness < 0.1 else 0.01
        await asyncio.sleep(self._random.uniform(0.001, slowest))


class SimulatedShared:
    """`SharedCache` whose stamps are the generations of the tags."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._generations: dict[str, int] = {}
        self._values: dict[str, tuple[bytes, bytes, float]] = {}
        self._claims: dict[str, float] = {}
        self.down = Fault()

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        await self._travel()
        stamp = self._stamp(tags)
        value, stored, until = self._values.get(key, (None, b"", 0.0))
        valid = value is not None and now() < until and self._valid(stored)
        await self._travel()
        return Stamped(value if valid else None, stamp)

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        await self._travel()
        self._values[key] = (value, stamp, now() + ttl)

    async def invalidate(self, tags: Sequence[str]) -> None:
        await self._travel()
        for tag in tags:
            self._generations[tag] = self._generations.get(tag, 0) + 1
        await self._travel()

    async def claim(self, key: str, seconds: float) -> bool:
        await self._travel()
        if now() < self._claims.get(key, 0.0):
            return False
        self._claims[key] = now() + seconds
        return True

    async def release(self, key: str) -> None:
        await self._travel()
        self._claims.pop(key, None)

    async def ping(self) -> None:
        await self._travel()

    async def close(self) -> None: ...

    def _stamp(self, tags: Sequence[str]) -> bytes:
        return msgspec.msgpack.encode([(tag, self._generations.get(tag, 0)) for tag in tags])

    def _valid(self, stamp: bytes) -> bool:
        return all(self._generations.get(tag, 0) == generation for tag, generation in msgspec.msgpack.decode(stamp))

    async def _travel(self) -> None:
        if self.down.on() or self._random.random() < 0.002:
            await asyncio.sleep(BUDGET)
            raise BackendDown("shared cache")
        await asyncio.sleep(self._random.uniform(0.0005, 0.005))


class SimulatedBus:
    """What every node's `Bus` goes through: delays each message for each subscriber, in each publisher's order, and
    loses some."""

    def __init__(self, random: Random, *, loss: float = 0.0, slowest: float = 0.02) -> None:
        self._random, self._loss, self._slowest = random, loss, slowest
        self._links: list[BusLink] = []
        self.down = Fault()

    def link(self) -> "BusLink":
        made = BusLink(self, self._random)
        self._links.append(made)
        return made

    def unlink(self, link: "BusLink") -> None:
        self._links.remove(link)

    def carry(self, publisher: "BusLink", message: bytes) -> None:
        for link in self._links:
            if self._random.random() >= self._loss:
                link.deliver(publisher, message, self._random.uniform(0.0005, self._slowest))

    def fail(self, seconds: float) -> None:
        self.down.until = now() + seconds
        for link in self._links:
            link.cut()


class BusLink:
    """One node's `Bus`."""

    def __init__(self, bus: SimulatedBus, random: Random) -> None:
        self._bus, self._random = bus, random
        self._queue: asyncio.Queue[bytes | None] | None = None
        self._due: dict[BusLink, float] = {}
        self._latest = 0.0
        self.deaf = Fault()
        self.lag = 0.0
        self.dead = False

    async def publish(self, message: bytes) -> None:
        if self.dead or self._bus.down.on():
            await asyncio.sleep(BUDGET)
            raise BackendDown("bus")
        await asyncio.sleep(self._random.uniform(0.0005, 0.005))
        self._bus.carry(self, message)
        if self._random.random() < 0.002:
            raise BackendDown("bus, after the message went out")

    async def messages(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(self._random.uniform(0.001, 0.02))
        if self._bus.down.on():
            raise BackendDown("bus")
        queue = self._queue = asyncio.Queue()
        yield b""
        while (message := await queue.get()) is not None:
            yield message
        raise BackendDown("bus")

    async def close(self) -> None:
        self._bus.unlink(self)

    def deliver(self, publisher: "BusLink", message: bytes, delay: float) -> None:
        queue = self._queue
        if queue is None or self.deaf.on():
            return
        delay += self.lag
        # What one connection brings is nearly in order, whoever published it.
        due = max(self._due.get(publisher, 0.0), now() + delay, self._latest - _OVERTAKING)
        self._due[publisher], self._latest = due, max(due, self._latest)
        asyncio.get_running_loop().call_at(due, queue.put_nowait, message)

    def cut(self) -> None:
        """The connection is lost, and what was on its way with it."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.put_nowait(None)
