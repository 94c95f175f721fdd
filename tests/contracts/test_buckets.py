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


async def test_a_cost_of_nothing_takes_nothing_and_tells_what_is_left(buckets):
    await buckets.take("k", POLICY, 99)
    for _ in range(3):
        assert (await buckets.take("k", POLICY, 0)).remaining == 1
    await buckets.take("k", POLICY, 1)
    assert (await buckets.take("k", POLICY, 0)).remaining == 0


async def test_what_is_given_back_can_be_taken_again_but_never_more_than_the_quota(buckets):
    await buckets.take("k", POLICY, 100)
    buckets.give_back("k", POLICY, 2)
    assert [(await buckets.take("k", POLICY, 1)).allowed for _ in range(3)] == [True, True, False]
    buckets.give_back("k", POLICY, 500)
    assert (await buckets.take("k", POLICY, 0)).remaining == 100


async def test_a_decision_at_once_is_the_same_decision(buckets):
    assert buckets.take_now("k", POLICY, 40) == await buckets.take("other", POLICY, 40)


async def test_a_flood_of_addresses_does_not_reset_a_client_that_is_refused(buckets, clock):
    for _ in range(100):
        await buckets.take("refused", POLICY, 1)
    for at in range(500):
        clock.time += 0.01
        await buckets.take(f"k{at}", POLICY, 1)
    assert not (await buckets.take("refused", POLICY, 1)).allowed


async def test_refilled_buckets_go_before_any_that_lacks_something(buckets, clock):
    for at in range(25):
        await buckets.take(f"used{at}", POLICY, 50)
    for at in range(25):
        await buckets.take(f"old{at}", POLICY, 1)
    clock.time += 9
    for at in range(25):
        await buckets.take(f"new{at}", POLICY, 1)
    left = [(await buckets.take(f"used{at}", POLICY, 0)).remaining for at in range(25)]
    assert left == [51] * 25
    assert (await buckets.take("new0", POLICY, 0)).remaining == 99


async def test_memory_of_what_is_full_again_does_not_pile_up(buckets, clock):
    await buckets.take("idle", POLICY, 50)
    for at in range(5000):
        clock.time += 1
        await buckets.take("busy", POLICY, 1 + at % 3)
    assert len(buckets._by_second) <= POLICY.window + 2


async def test_memory_is_bounded(buckets):
    for at in range(500):
        await buckets.take(f"k{at}", POLICY, 1)
    assert len(buckets._buckets) <= 50
