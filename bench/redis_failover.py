"""Redis Cluster: CPU a call, and what calls at a steady rate see of members that die, freeze and hand over slots."""

import asyncio
import os
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.report import Figure, micro
from gigaday.backends.clock import SystemClock
from gigaday.backends.redis_buckets import RedisBuckets
from gigaday.backends.redis_cache import RedisCache
from gigaday.backends.redis_connect import Redis
from gigaday.backends.redis_slots import slot_of
from gigaday.contracts import Policy
from gigaday.errors import BackendDown
from gigaday.rules import tags
from tests.servers.redis import RedisCluster

CALLS = 20_000
RATE = 2_000
SECONDS = 7.0
POLICY = Policy("default", 1_000_000_000, 900)
OWNERS = [f"tenant{number}" for number in range(300)]
BUDGET_MS = 50


@dataclass
class Seen:
    """What became of calls: each (second of the start, seconds taken, whether on the member hurt, whether well)."""

    calls: list[tuple[float, float, bool, bool]] = field(default_factory=list)

    def figures(self, what: str) -> list[Figure]:
        """Two lines."""
        slowest = max(took for _, took, _, _ in self.calls) * 1000
        failed = [(hurt, well) for _, _, hurt, well in self.calls if not well]
        elsewhere = sum(not hurt for hurt, _ in failed)
        return [
            Figure(f"{what}: failed of {len(self.calls):,} calls", f"{len(failed):,}, {elsewhere:,} of them elsewhere"),
            Figure(
                f"{what}: longest outage there, elsewhere; slowest call",
                f"{self._outage(True):.1f} s, {self._outage(False):.1f} s; {slowest:.0f} ms",
                f"<= {2 * BUDGET_MS} ms",
            ),
        ]

    def _outage(self, there: bool) -> float:
        """The longest time between two calls that went well, with one between them that did not."""
        worst, last, failing = 0.0, 0.0, False
        for at, _, hurt, well in sorted(self.calls):
            if hurt == there and well:
                worst, last, failing = max(worst, at - last) if failing else worst, at, False
            elif hurt == there:
                failing = True
        return worst


def run(scale: float) -> list[Figure]:
    """On a cluster of three primaries and three replicas, started for it."""
    cluster = RedisCluster().start()
    try:
        return asyncio.run(_measure(cluster, scale))
    finally:
        cluster.stop()


async def _measure(cluster: RedisCluster, scale: float) -> list[Figure]:
    redis = Redis(cluster.addresses, budget=BUDGET_MS / 1000)
    await _until_well(redis)
    figures = await _costs(redis, max(100, int(CALLS * scale)))

    async def phase(what: str, hurt: int, does: Callable[[], Awaitable[None]]) -> None:
        figures.extend((await _load(cluster, redis, hurt, does)).figures(what))
        await asyncio.to_thread(cluster.start_all)
        await _until_well(redis)

    def at_a_thread(does: Callable[..., None], *arguments: object) -> Callable[[], Awaitable[None]]:
        return lambda: asyncio.to_thread(does, *arguments)

    async def freeze() -> None:
        cluster.freeze(1)
        await asyncio.sleep(4)
        cluster.thaw(1)

    async def all_down() -> None:
        await asyncio.to_thread(cluster.kill_all)
        await asyncio.sleep(1)
        await asyncio.to_thread(cluster.start_all)

    slots = sorted({slot_of(owner) for owner in OWNERS})[:40]
    await phase("kill -9 of a primary", 0, at_a_thread(cluster.kill, 0))
    await phase("a primary frozen for 4 s", 1, freeze)
    target = await asyncio.to_thread(cluster.owner, slot_of(OWNERS[0]))
    await phase("40 slots moved", target, at_a_thread(cluster.reshard, slots, target))
    await phase("all down for 1 s", target, all_down)
    await redis.close()
    return figures


async def _until_well(redis: Redis) -> None:
    while True:
        try:
            return await redis.ping()
        except BackendDown:
            await asyncio.sleep(0.1)


async def _costs(redis: Redis, calls: int) -> list[Figure]:
    buckets, cache = RedisBuckets(redis), RedisCache(redis, clock=SystemClock(), unique=os.urandom)
    tried: dict[str, Callable[[str], Awaitable[object]]] = {
        "plain GET": lambda owner: redis.ask(owner, "GET", owner),
        "lease": lambda owner: buckets.lease(_bucket(owner), POLICY, 1, 1),
        "cache get under 4 tags": lambda owner: cache.get(owner, tags.of_item(owner, "products", "1")),
    }
    return [
        Figure(f"CPU of a {name}, {at_once} at once", micro(await _cost(call, calls, at_once)))
        for name, call in tried.items()
        for at_once in (1, 16, 64)
    ]


async def _cost(call: Callable[[str], Awaitable[object]], calls: int, at_once: int) -> float:
    async def some(count: int) -> None:
        for number in range(count):
            await call(OWNERS[number % len(OWNERS)])

    await some(len(OWNERS))
    before = _cpu()
    await asyncio.gather(*(some(calls // at_once) for _ in range(at_once)))
    return (_cpu() - before) / (calls // at_once * at_once)


async def _load(cluster: RedisCluster, redis: Redis, hurt: int, does: Callable[[], Awaitable[None]]) -> Seen:
    """Leases and cache reads at the rate, in turn, whatever becomes of those before."""
    buckets, seen, began = RedisBuckets(redis), Seen(), time.monotonic()
    there = await asyncio.to_thread(_served_by, cluster, hurt)
    running: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        owner, started, well = OWNERS[number // 2 % len(OWNERS)], time.monotonic(), True
        try:
            if number % 2:
                await buckets.lease(_bucket(owner), POLICY, 1, 1)
            else:
                await redis.ask(owner, "GET", owner)
        except BackendDown:
            well = False
        seen.calls.append((started - began, time.monotonic() - started, _slot(number, owner) in there, well))

    fault = asyncio.create_task(_after(1.0, does))
    sent, began = 0, time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS or not fault.done():
        while sent < passed * RATE:
            task = asyncio.create_task(one(sent))
            running.add(task)
            task.add_done_callback(running.discard)
            sent += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(fault, *running)
    return seen


async def _after(seconds: float, does: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(seconds)
    await does()


def _served_by(cluster: RedisCluster, index: int) -> set[int]:
    slots = {_slot(number, owner) for owner in OWNERS for number in (0, 1)}
    return {slot for slot in slots if cluster.owner(slot) == index}


def _slot(number: int, owner: str) -> int:
    return slot_of(_bucket(owner) if number % 2 else owner)


def _bucket(owner: str) -> str:
    return f"rate_limit:{{{owner}:default}}"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
