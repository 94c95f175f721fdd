"""What every set of token buckets promises, over each of them."""

import pytest

from gigaday.backends.memory import MemoryBuckets
from gigaday.contracts import Policy

POLICY = Policy("default", quota=100, window=900)


@pytest.fixture
def buckets(clock):
    return MemoryBuckets(clock=clock, most=50)


async def test_a_burst_admits_exactly_the_quota(buckets):
    decisions = [await buckets.take("k", POLICY, 1) for _ in range(150)]
    assert [decision.allowed for decision in decisions] == [True] * 100 + [False] * 50
    assert [decisions[0].remaining, decisions[99].remaining, decisions[100].remaining] == [99, 0, 0]


async def test_who_waits_as_told_is_admitted_and_who_keeps_asking_is_not_set_back(buckets, clock):
    for _ in range(100):
        await buckets.take("k", POLICY, 1)
    refused = await buckets.take("k", POLICY, 1)
    assert refused.retry_after == pytest.approx(9)
    for _ in range(8):
        clock.time += 1
        assert not (await buckets.take("k", POLICY, 1)).allowed
    clock.time += 1
    assert (await buckets.take("k", POLICY, 1)).allowed


async def test_a_steady_client_at_the_rate_is_never_refused(buckets, clock):
    for _ in range(1000):
        assert (await buckets.take("k", POLICY, 1)).allowed
        clock.time += 9


async def test_keys_do_not_share(buckets):
    for _ in range(100):
        await buckets.take("one", POLICY, 1)
    assert not (await buckets.take("one", POLICY, 1)).allowed
    assert (await buckets.take("two", POLICY, 1)).allowed


async def test_memory_is_bounded(buckets):
    for at in range(500):
        await buckets.take(f"k{at}", POLICY, 1)
    assert len(buckets._levels) <= 50
