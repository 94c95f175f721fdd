"""What the cache that all nodes share promises, over each of them."""

import asyncio
import os
import secrets

import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.redis_cache import RedisCache
from gigaday.backends.redis_connect import Redis
from gigaday.errors import BackendDown
from gigaday.rules import tags
from tests.servers import free_ports

pytestmark = pytest.mark.live


@pytest.fixture
async def redis(redis_cluster):
    client = Redis(redis_cluster.addresses, budget=2)
    yield client
    await client.close()


@pytest.fixture
def cache(redis):
    return RedisCache(redis, clock=SystemClock(), unique=os.urandom)


@pytest.fixture
def owner():
    return secrets.token_hex(8)


async def put(cache, key, value, tags, ttl=60.0):
    await cache.set(key, value, ttl, (await cache.get(key, tags)).stamp)


async def test_what_was_stored_is_answered_byte_by_byte_to_every_node(cache, redis_cluster, owner):
    value, of = bytes(range(256)) * 300, tags.of_item(owner, "products", "1")
    await put(cache, f"{owner}/a", value, of)
    other = RedisCache(Redis(redis_cluster.addresses, budget=2), clock=SystemClock(), unique=os.urandom)
    assert (await other.get(f"{owner}/a", list(reversed(of)))).value == value
    assert (await other.get(f"{owner}/b", of)).value is None
    await other.close()


async def test_an_empty_value_is_a_value(cache, owner):
    await put(cache, owner, b"", tags.of_list(owner, "products"))
    assert (await cache.get(owner, tags.of_list(owner, "products"))).value == b""


async def test_a_value_lives_for_its_time(cache, redis, owner):
    await put(cache, owner, b"v", (owner,), ttl=7)
    assert 6_000 < await redis.ask(f"cache:{owner}", "PTTL", f"cache:{owner}") <= 7_000
    await put(cache, owner, b"w", (owner,), ttl=0)
    assert (await cache.get(owner, (owner,))).value == b"v"


@pytest.mark.parametrize("which", range(4))
async def test_each_of_its_tags_invalidates_a_value(cache, owner, which):
    of = tags.of_item(owner, "products", "1")
    for n in range(20):
        await put(cache, f"{owner}/{n}", b"v", of)
    await cache.invalidate([of[which]])
    assert {(await cache.get(f"{owner}/{n}", of)).value for n in range(20)} == {None}
    await put(cache, f"{owner}/0", b"w", of)
    assert (await cache.get(f"{owner}/0", of)).value == b"w"


async def test_a_write_leaves_other_items_and_other_owners_alone(cache, owner):
    mine, other, foreign = (tags.of_item(owner + who, "products", id) for who, id in (("", "1"), ("", "2"), ("x", "1")))
    for key, of in (("a", mine), ("b", other), ("c", foreign)):
        await put(cache, owner + key, b"v", of)
    await put(cache, owner + "list", b"v", tags.of_list(owner, "products"))
    await cache.invalidate(tags.changed(owner, "products", ["1"]))
    assert (await cache.get(owner + "a", mine)).value is None
    assert (await cache.get(owner + "list", tags.of_list(owner, "products"))).value is None
    assert (await cache.get(owner + "b", other)).value == b"v"
    assert (await cache.get(owner + "c", foreign)).value == b"v"


async def test_a_slow_loader_never_brings_back_what_was_invalidated_meanwhile(cache, owner):
    of = tags.of_item(owner, "products", "1")
    stamp = (await cache.get(owner, of)).stamp
    await cache.invalidate(tags.changed(owner, "products", ["1"]))
    await cache.set(owner, b"old", 60, stamp)
    assert (await cache.get(owner, of)).value is None


async def test_what_was_stored_before_two_invalidations_stays_invalid(cache, owner):
    of = (owner, f"{owner}/products")
    await put(cache, owner, b"v", of)
    for _ in range(2):
        await cache.invalidate([f"{owner}/products"])
    assert (await cache.get(owner, of)).value is None


async def test_a_member_that_loses_its_data_takes_its_owners_values_with_it(cache, redis, owner):
    of = tags.of_item(owner, "products", "1")
    await put(cache, owner, b"v", of)
    await cache.invalidate(tags.changed(owner, "products", ["1"]))
    for tag in of[:3]:
        await redis.ask(f"{{{owner}}}", "DEL", f"gen:{{{owner}}}:{tag}")
    assert (await cache.get(owner, of)).value is None


async def test_the_values_of_one_owner_are_spread_over_the_members(cache, redis, owner):
    served = {await redis.locate(f"cache:{owner}/{n}") for n in range(50)}
    assert len(served) == 3


async def test_one_of_many_gets_the_claim_until_it_ends(cache, redis, owner):
    assert sorted(await asyncio.gather(*(cache.claim(owner, 30) for _ in range(20)))) == [False] * 19 + [True]
    await redis.ask(f"claim:{owner}", "PEXPIRE", f"claim:{owner}", 0)
    assert await cache.claim(owner, 30)


async def test_a_claim_that_is_released_is_free(cache, owner):
    assert await cache.claim(owner, 30)
    await cache.release(owner)
    assert await cache.claim(owner, 30)


async def test_reads_asked_for_in_one_turn_are_written_together(cache, redis_cluster, owner):
    await cache.get(owner, (owner,))
    before = reads(redis_cluster)
    await asyncio.gather(*(cache.get(f"{owner}/{n}", tags.of_item(owner, "products", str(n))) for n in range(200)))
    assert reads(redis_cluster) - before < 150  # of 1,000 commands


def reads(redis_cluster):
    """How often the members have read from a connection, but for what this asks itself."""
    return sum(
        int(line.partition(":")[2])
        for index in range(6)
        for line in redis_cluster.call(index, "INFO", "stats").splitlines()
        if line.startswith("total_reads_processed")
    )


async def test_nobody_waits_for_a_redis_that_is_not_there(owner):
    cache = RedisCache(Redis([("127.0.0.1", free_ports(1)[0])]), clock=SystemClock(), unique=os.urandom)
    loop = asyncio.get_running_loop()
    for call in (lambda: cache.get(owner, (owner,)), lambda: cache.set(owner, b"", 1, b""), cache.ping,
                 lambda: cache.invalidate([owner]), lambda: cache.claim(owner, 1),
                 lambda: cache.release(owner)):  # fmt: skip
        began = loop.time()
        with pytest.raises(BackendDown):
            await call()
        assert loop.time() - began < 0.1
    await cache.close()


async def test_an_invalidation_made_again_brings_back_nothing_that_a_later_one_removed(
    cache, redis, redis_cluster, owner
):
    other = RedisCache(Redis(redis_cluster.addresses, budget=2), clock=SystemClock(), unique=os.urandom)
    of, item = (owner, f"{owner}/products/1"), f"{owner}/products/1"
    await cache.get(owner, of)
    await cache.invalidate([item])
    await put(other, owner, b"between the two", of)
    await other.invalidate([item])
    before = (await cache.get(owner, of)).stamp
    redis.doubt()  # as after a failover
    async with asyncio.timeout(5):
        while (again := await cache.get(owner, of)).stamp == before:
            await asyncio.sleep(0.01)
    assert again.value is None
    await other.close()


async def test_a_huge_value_is_not_kept(cache, owner):
    """It would hold up what others ask of the same member for longer than their budget."""
    for size, kept in ((1 << 20, True), ((1 << 20) + 1, False)):
        await put(cache, f"{owner}/{size}", bytes(size), (owner,))
        assert ((await cache.get(f"{owner}/{size}", (owner,))).value is not None) is kept


async def test_what_is_left_of_an_invalidation_outlives_every_value_and_little_more(cache, redis, owner):
    of = tags.of_item(owner, "products", "1")
    await put(cache, owner, b"v", of, ttl=1e9)
    value = await redis.ask(f"cache:{owner}", "TTL", f"cache:{owner}")
    await cache.invalidate(of[:1])
    left = await redis.ask(f"gen:{{{owner}}}:{of[0]}", "TTL", f"gen:{{{owner}}}:{of[0]}")
    assert 3_600 <= value < left <= 3 * 3_600
