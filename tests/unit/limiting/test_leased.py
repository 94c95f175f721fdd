import pytest

from gigaday.contracts import Policy

SMALL = Policy("small", quota=100, window=900)
LARGE = Policy("large", quota=10_000, window=100)


async def spend(buckets, policy, times, cost=1, key="k"):
    """The decisions of so many requests, one after the other."""
    return [buckets.take_now(key, policy, cost) or await buckets.take(key, policy, cost) for _ in range(times)]


async def test_a_small_limit_is_exact_over_all_workers(worker):
    workers = [worker(3) for _ in range(3)]
    decisions = [decision for _ in range(50) for w in workers for decision in await spend(w, SMALL, 1)]
    assert [decision.allowed for decision in decisions] == [True] * 100 + [False] * 50
    assert [decision.remaining for decision in decisions[:100]] == list(range(99, -1, -1))


async def test_a_busy_key_of_a_large_limit_is_decided_without_calls(worker, shelf, turns):
    buckets = worker(2)
    for _ in range(40):
        assert all(decision.allowed for decision in await spend(buckets, LARGE, 100))
        await turns()
    assert len(shelf.asked) <= 4_000 / 50


async def test_a_lease_is_renewed_before_it_is_used_up(worker, shelf, turns):
    buckets = worker()
    await spend(buckets, LARGE, 2)
    for _ in range(1_000):
        assert buckets.take_now("k", LARGE, 1) is not None
        await turns()


async def test_no_worker_holds_more_than_its_lease(worker, shelf, turns):
    buckets, spent = worker(4), 0
    for _ in range(300):
        await spend(buckets, LARGE, 1, cost=20)
        await turns()
        spent += 20
        assert 0 <= LARGE.quota - shelf.levels["k"].tokens - spent <= LARGE.quota / 20 / 4


async def test_a_renewal_asks_for_what_is_missing(worker, shelf, turns):
    buckets = worker(4)
    await spend(buckets, LARGE, 2)
    await spend(buckets, LARGE, 63)
    await turns()
    assert shelf.asked == [(1, 1), (1, 126), (1, 63)]


async def test_a_first_request_takes_no_more_than_it_costs(worker, shelf):
    await spend(worker(), LARGE, 1, cost=3)
    assert shelf.asked == [(3, 3)]


async def test_costs_beyond_the_lease_are_decided_exactly(worker, shelf):
    buckets = worker()
    decisions = await spend(buckets, LARGE, 12, cost=1_000)
    assert [decision.allowed for decision in decisions] == [True] * 10 + [False] * 2


async def test_near_exhaustion_nothing_is_left_lying_in_hands(worker, turns):
    workers = [worker(2), worker(2)]
    admitted = 0
    for _ in range(700):
        for buckets in workers:
            admitted += sum(decision.allowed for decision in await spend(buckets, LARGE, 1, cost=10))
        await turns()
    assert 990 <= admitted <= 1_000


async def test_a_refusal_is_remembered_until_the_bucket_can_have_refilled(worker, shelf, clock):
    buckets = worker()
    await spend(buckets, SMALL, 101)
    calls = len(shelf.asked)
    refused = buckets.take_now("k", SMALL, 1)
    assert refused is not None
    assert (refused.allowed, refused.remaining, refused.reset) == (False, 0, 900)
    assert refused.retry_after == pytest.approx(9)
    for _ in range(8):
        clock.time += 1
        assert not buckets.take_now("k", SMALL, 1).allowed
    assert len(shelf.asked) == calls
    clock.time += 1
    assert (await spend(buckets, SMALL, 1))[0].allowed


async def test_what_is_told_counts_the_lease_and_the_refill(worker, clock):
    buckets = worker()
    decisions = await spend(buckets, LARGE, 1_000)
    assert [decision.remaining for decision in decisions] == list(range(9_999, 8_999, -1))
    assert decisions[-1].reset == 10
    clock.time += 5
    assert (await spend(buckets, LARGE, 1))[0].remaining == 9_499
    clock.time += 50
    assert (await spend(buckets, LARGE, 1))[0].remaining == 10_000


async def test_an_idle_lease_is_given_back_and_the_key_forgotten(worker, shelf, turns):
    buckets = worker()
    await spend(buckets, LARGE, 10)
    assert shelf.levels["k"].tokens < LARGE.quota - 10
    for _ in range(4):
        buckets._turn()
        await turns()
    assert shelf.levels["k"].tokens == LARGE.quota - 10
    assert len(buckets) == 0


async def test_a_key_in_use_keeps_its_lease(worker, shelf, turns):
    buckets = worker()
    for _ in range(20):
        assert (await spend(buckets, LARGE, 1))[0].allowed
        buckets._turn()
        await turns()
    assert len(shelf.asked) == 2


async def test_closing_gives_everything_back(worker, shelf):
    buckets = worker()
    await spend(buckets, LARGE, 10, key="a")
    await spend(buckets, LARGE, 10, key="b")
    await buckets.close()
    assert [shelf.levels[key].tokens for key in "ab"] == [LARGE.quota - 10] * 2
    await buckets.close()


@pytest.mark.parametrize("policy", [SMALL, LARGE], ids=["exact", "leased"])
async def test_what_is_given_back_is_there_again(policy, worker, shelf, turns):
    buckets = worker()
    await spend(buckets, policy, 50)
    for _ in range(50):
        buckets.give_back("k", policy, 1)
    await turns()
    await buckets.close()
    assert shelf.levels["k"].tokens == policy.quota


async def test_memory_is_bounded(worker):
    buckets = worker(most=50)
    for at in range(500):
        await spend(buckets, SMALL, 1, key=f"k{at}")
    assert len(buckets) <= 100


async def test_a_limit_set_anew_counts_at_once(worker, shelf):
    buckets = worker()
    await spend(buckets, SMALL, 100)
    shelf.levels.clear()
    raised = Policy("small", quota=200, window=1)
    assert not (await spend(buckets, SMALL, 1))[0].allowed
    buckets = worker()
    await spend(buckets, raised, 10)
    lowered = Policy("small", quota=5, window=900)
    shelf.levels.clear()
    assert sum(decision.allowed for decision in await spend(buckets, lowered, 20)) == 5
