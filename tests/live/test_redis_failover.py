"""Members of a Redis Cluster die, freeze, come back and hand over slots while calls go on."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.redis_buckets import RedisBuckets
from gigaday.backends.redis_bus import RedisBus
from gigaday.backends.redis_cache import RedisCache
from gigaday.backends.redis_connect import Redis
from gigaday.backends.redis_lane import Access
from gigaday.backends.redis_slots import slot_of
from gigaday.contracts import Policy
from gigaday.errors import BackendDown
from gigaday.rules import tags
from tests.servers import running
from tests.servers.redis import RedisCluster

pytestmark = pytest.mark.live

POLICY = Policy("default", quota=1_000_000, window=900)
BUDGET = 0.2
SLACK = 0.2
"""Seconds: generous, as a busy machine lets the members wait for a processor. `bench redis` measures with 50 ms."""
FAILOVER = 6.0
"""Seconds: noticing takes one, an election up to another; the rest is slack for a busy machine."""


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    with running(RedisCluster()) as started:
        yield started


@pytest.fixture
async def redis(cluster: RedisCluster) -> AsyncIterator[Redis]:
    opened = Redis(cluster.addresses, budget=BUDGET)
    await eventually(opened.ping)
    yield opened
    await opened.close()


async def eventually(call: Callable[[], Awaitable[object]], seconds: float = FAILOVER) -> float:
    """Asks until it is answered; the seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            await call()
        except BackendDown:
            assert loop.time() - began < seconds
            await asyncio.sleep(0.02)
        else:
            return loop.time() - began


class Load:
    """Calls on keys of every member, one after another in each of eight tasks; which failed, and the slowest."""

    def __init__(self, cluster: RedisCluster, redis: Redis, hurt: int) -> None:
        self._buckets, self._stop = RedisBuckets(redis), asyncio.Event()
        keys = [f"rate_limit:{{{n}:default}}" for n in range(60)]
        self._hurt = {key for key in keys if cluster.owner(slot_of(key)) == hurt}
        self._others = set(keys) - self._hurt
        self.failed_elsewhere, self.failed_there, self.well, self.slowest, self.stalled = 0, 0, 0, 0.0, 0.0
        self._tasks = [asyncio.create_task(self._run(n)) for n in range(8)]
        self._tasks.append(asyncio.create_task(self._watch()))

    async def _run(self, start: int) -> None:
        keys = sorted(self._hurt | self._others)
        while not self._stop.is_set():
            for key in keys[start:] + keys[:start]:
                await self._one(key)
            await asyncio.sleep(0.005)

    async def _watch(self) -> None:
        """Notes for how long this process itself did not get to run."""
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            self.stalled = max(self.stalled, loop.time() - due)

    async def _one(self, key: str) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._buckets.lease(key, POLICY, 1, 1)
            self.well += 1
        except BackendDown:
            self.failed_there += key in self._hurt
            self.failed_elsewhere += key in self._others
        self.slowest = max(self.slowest, loop.time() - began)

    async def all_answered(self) -> None:
        for key in self._hurt | self._others:
            await self._buckets.lease(key, POLICY, 1, 1)

    async def end(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


async def test_a_killed_primary_costs_only_its_own_keys_and_those_for_seconds(cluster, redis) -> None:
    load = Load(cluster, redis, hurt=0)
    await asyncio.sleep(0.3)
    assert load.well > 0 and load.failed_there == 0
    await asyncio.to_thread(cluster.kill, 0)
    await asyncio.sleep(0.1)
    await eventually(load.all_answered)
    await load.end()
    assert load.failed_there > 0 and load.failed_elsewhere == 0
    assert load.slowest < BUDGET + SLACK + load.stalled


async def test_a_frozen_primary_is_left_for_its_replica_and_its_return_does_no_harm(cluster, redis) -> None:
    load = Load(cluster, redis, hurt=1)
    await asyncio.sleep(0.3)
    cluster.freeze(1)
    await asyncio.sleep(0.1)
    await eventually(load.all_answered)
    failed = load.failed_there
    assert failed > 0 and load.failed_elsewhere == 0
    cluster.thaw(1)
    await asyncio.to_thread(cluster.wait_healthy)
    await load.all_answered()
    await load.end()
    assert load.failed_there == failed
    assert load.slowest < BUDGET + SLACK + load.stalled


async def test_with_all_down_calls_fail_at_once_and_all_is_well_after_their_return(cluster, redis) -> None:
    buckets, loop = RedisBuckets(redis), asyncio.get_running_loop()
    await asyncio.to_thread(cluster.kill_all)
    await asyncio.sleep(0.1)
    began = loop.time()
    for n in range(300):
        with pytest.raises(BackendDown):
            await buckets.lease(f"rate_limit:{{{n}:default}}", POLICY, 1, 1)
    assert loop.time() - began < 0.5
    await asyncio.to_thread(cluster.start_all)
    assert await eventually(redis.ping) < 2


async def test_slots_move_under_load_without_one_failed_call(cluster, redis) -> None:
    load = Load(cluster, redis, hurt=2)
    slots = sorted({slot_of(f"rate_limit:{{{n}:default}}") for n in range(40)})
    await asyncio.to_thread(cluster.reshard, slots, 2)
    await load.end()
    assert {cluster.owner(slot) for slot in slots} == {2}
    assert load.failed_there == load.failed_elsewhere == 0


async def test_a_key_on_its_way_is_asked_for_where_it_is(cluster, redis) -> None:
    here = secrets.token_hex(4)
    slot, names = slot_of(here), [f"a{{{here}}}", f"b{{{here}}}"]
    for name in names:
        await redis.ask(name, "SET", name, name)
    source = cluster.owner(slot)
    target = (source + 1) % 3
    cluster.begin_move(slot, source, target)
    cluster.call(source, "MIGRATE", "127.0.0.1", cluster.ports[target], names[0], 0, 5_000)
    assert [await redis.ask(name, "GET", name) for name in names] == [name.encode() for name in names]
    assert await redis.ask_all([(name, ("GET", name)) for name in names]) == [name.encode() for name in names]


async def test_an_invalidation_lost_in_a_failover_is_made_again(cluster, redis) -> None:
    cache = RedisCache(redis, clock=SystemClock(), unique=os.urandom)
    owner, key = next(named for named in named_for(cluster, generations_at=0, entries_at=1))
    of = tags.of_item(owner, "products", "1")
    await cache.set(key, b"old", 600, (await cache.get(key, of)).stamp)
    await asyncio.to_thread(wait_replicated, cluster, 0)
    # Its replica will not hear of the invalidation: it is cut off, and refused when it comes back.
    cluster.call(3, "CONFIG", "SET", "masterauth", "wrong")
    cluster.call(3, "CLIENT", "KILL", "TYPE", "master")
    await cache.invalidate(tags.changed(owner, "products", ["1"]))
    await asyncio.to_thread(cluster.kill, 0)
    await eventually(lambda: redis.ask(f"{{{owner}}}", "GET", f"{{{owner}}}"), 2 * FAILOVER)
    assert await asyncio.to_thread(cluster.owner, slot_of(owner)) == 3
    await asyncio.sleep(0.5)
    assert (await cache.get(key, of)).value is None


def named_for(cluster: RedisCluster, *, generations_at: int, entries_at: int) -> Iterator[tuple[str, str]]:
    """Owners whose generations lie with one member, each with a key whose entry lies with another."""
    for number in range(10_000):
        owner = f"owner{number}"
        if cluster.owner(slot_of(owner)) == generations_at:
            for key in (f"{owner}/{n}" for n in range(100)):
                if cluster.owner(slot_of(f"cache:{key}")) == entries_at:
                    yield owner, key


def wait_replicated(cluster: RedisCluster, primary: int) -> None:
    assert cluster.call(primary, "WAIT", 1, 2_000) == "1"


async def test_the_bus_follows_its_channel_through_a_failover(cluster, redis) -> None:
    channel = next(f"c{n}" for n in range(1_000) if cluster.owner(slot_of(f"c{n}")) == 0)
    bus = RedisBus(redis, channel)
    listener = bus.messages()
    assert await anext(listener) == b""
    await asyncio.to_thread(cluster.kill, 0)
    with pytest.raises(BackendDown):
        await asyncio.wait_for(anext(listener), 1)

    async def heard_again() -> None:
        anew = bus.messages()
        await anext(anew)
        await bus.publish(b"again")
        assert await asyncio.wait_for(anext(anew), 2) == b"again"
        await anew.aclose()

    await eventually(heard_again)


async def test_the_bus_leaves_a_primary_that_froze(cluster, redis) -> None:
    channel = next(f"c{n}" for n in range(1_000) if cluster.owner(slot_of(f"c{n}")) == 0)
    listener = RedisBus(redis, channel).messages()
    await anext(listener)
    cluster.freeze(0)
    with pytest.raises(BackendDown):
        await asyncio.wait_for(anext(listener), 1.5)


@pytest.mark.parametrize("clustered", [True, False])
async def test_a_backup_of_one_member_with_a_password_will_do(clustered: bool) -> None:
    backup = RedisCluster(1, 0, password="secret phrase", clustered=clustered).start()
    try:
        redis = Redis(backup.addresses, Access(password="secret phrase"))
        await eventually(redis.ping)
        assert (await RedisBuckets(redis).lease("rate_limit:{a:b}", POLICY, 1, 5)).granted == 5
        listener = RedisBus(redis).messages()
        assert await anext(listener) == b""
        await listener.aclose()
        await redis.close()
        stranger = Redis(backup.addresses, Access(password="wrong"))
        with pytest.raises(BackendDown):
            await stranger.ping()
        await stranger.close()
    finally:
        backup.stop()
