import pytest

from gigaday.contracts import Policy
from gigaday.limiting.round_trips import RETRY_SECONDS

SMALL = Policy("small", quota=100, window=900)
LARGE = Policy("large", quota=10_000, window=100)
TINY = Policy("tiny", quota=3, window=60)


async def spend(buckets, policy, times, cost=1):
    return [buckets.take_now("k", policy, cost) or await buckets.take("k", policy, cost) for _ in range(times)]


async def admitted(buckets, policy, times, cost=1):
    return sum(decision.allowed for decision in await spend(buckets, policy, times, cost))


async def test_each_worker_admits_its_share_of_the_limit(worker, shelf):
    shelf.down = True
    workers = [worker(4) for _ in range(4)]
    assert [await admitted(buckets, SMALL, 40) for buckets in workers] == [25] * 4
    counts = workers[0].counts
    assert (counts.shared_in, counts.closed, counts.unshared_tokens) == (25, 15, 25)
    assert (counts.decisions, counts.fallbacks) == (40, 40)


async def test_the_lease_in_hand_is_spent_first(worker, shelf):
    buckets = worker()
    await spend(buckets, LARGE, 2)
    shelf.down = True
    assert await admitted(buckets, LARGE, 250) == 250
    assert buckets.counts.fallbacks == 0


async def test_an_emptied_limit_does_not_come_back_with_the_outage(worker, shelf, clock):
    buckets = worker(2)
    await spend(buckets, SMALL, 101)
    shelf.down = True
    assert await admitted(buckets, SMALL, 10) == 0
    clock.time += 36  # refills 4 tokens, of which this worker has 2
    assert await admitted(buckets, SMALL, 10) == 2


async def test_the_share_refills_at_the_workers_part_of_the_rate(worker, shelf, clock):
    shelf.down = True
    buckets = worker(2)
    await spend(buckets, SMALL, 50)
    clock.time += 90
    assert await admitted(buckets, SMALL, 20) == 5


async def test_the_caller_is_told_of_the_share(worker, shelf):
    shelf.down = True
    decisions = await spend(worker(4), SMALL, 26)
    assert [decision.remaining for decision in decisions] == [*range(24, -1, -1), 0]
    assert decisions[-1].retry_after == pytest.approx(36)


async def test_what_was_decided_without_a_shared_bucket_says_so(worker, shelf):
    buckets = worker(4)
    assert not any(decision.unshared for decision in await spend(buckets, SMALL, 5))
    shelf.down = True
    told = await spend(worker(4), SMALL, 40)
    assert all(decision.unshared for decision in told)
    assert [decision.allowed for decision in told] == [True] * 25 + [False] * 15


async def test_a_limit_too_small_to_share_is_closed(worker, shelf):
    shelf.down = True
    (refused,) = await spend(worker(4), TINY, 1)
    assert not refused.allowed
    assert refused.retry_after > 0


async def test_while_it_is_down_few_requests_ask(worker, shelf, clock):
    shelf.down = True
    buckets = worker()
    await spend(buckets, SMALL, 50)
    assert len(shelf.asked) == 1
    clock.time += RETRY_SECONDS
    await spend(buckets, SMALL, 10)
    assert len(shelf.asked) == 2
    assert buckets.counts.failures == 2


async def test_goes_back_to_the_shared_bucket_by_itself(worker, shelf, clock):
    shelf.down = True
    buckets = worker()
    await spend(buckets, SMALL, 10)
    shelf.down = False
    clock.time += RETRY_SECONDS
    (decision,) = await spend(buckets, SMALL, 1)
    assert (decision.allowed, decision.remaining, buckets.counts.exact) == (True, 99, 1)


async def test_a_lease_that_cannot_be_given_back_is_dropped(worker, shelf, turns):
    buckets = worker()
    await spend(buckets, LARGE, 10)
    shelf.down = True
    for _ in range(4):
        buckets._turn()
        await turns()
    assert len(buckets) == 0


async def test_a_bucket_that_was_lost_does_not_come_back_full(worker, shelf):
    buckets = worker()
    assert await admitted(buckets, SMALL, 200) == 100
    shelf.levels.clear()
    shelf.down = True
    await spend(buckets, SMALL, 1)
    shelf.down = False
    assert await admitted(worker(), SMALL, 3) == 3, "who never met the bucket knows of nothing"
    shelf.levels.clear()
    assert await admitted(buckets, SMALL, 50) == 0
