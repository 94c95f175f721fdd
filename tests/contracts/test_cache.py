"""What every cache promises, over each of them."""

import pytest

from gigaday.backends.memory import MemoryCache


@pytest.fixture
def cache(clock):
    return MemoryCache(clock=clock, max_bytes=10_000)


async def test_a_value_comes_back_until_its_time_is_over(cache, clock):
    await cache.set("k", b"v", ttl=10)
    clock.time += 9.9
    assert await cache.get("k") == b"v"
    clock.time += 0.1
    assert await cache.get("k") is None


async def test_a_value_is_replaced_and_deleted(cache):
    await cache.set("k", b"one", ttl=10)
    await cache.set("k", b"two", ttl=10)
    assert await cache.get("k") == b"two"
    await cache.delete("k")
    await cache.delete("k")
    assert await cache.get("k") is None


async def test_the_bytes_are_bounded_and_the_unused_go_first(cache):
    for at in range(100):
        await cache.set(f"k{at}", b"x" * 300, ttl=10)
        await cache.get("k0")
    assert cache.bytes <= 10_000
    assert await cache.get("k0") is not None
    assert await cache.get("k1") is None
    assert await cache.get("k99") is not None


async def test_what_is_larger_than_all_is_not_kept(cache):
    await cache.set("small", b"x", ttl=10)
    await cache.set("huge", b"x" * 20_000, ttl=10)
    assert await cache.get("huge") is None
    assert await cache.get("small") == b"x"
