import asyncio

import pytest

from gigaday.contracts import Policy
from gigaday.limiting.leased import LeasedBuckets

SMALL = Policy("small", quota=100, window=900)


async def test_concurrent_requests_of_a_key_share_a_round_trip(worker, shelf):
    buckets = worker()
    decisions = await asyncio.gather(*(buckets.take("k", SMALL, 1) for _ in range(150)))
    assert [decision.allowed for decision in decisions] == [True] * 100 + [False] * 50
    assert [decision.remaining for decision in decisions[:100]] == list(range(99, -1, -1))
    assert len(shelf.asked) == 1


async def test_those_that_fit_are_admitted_past_one_that_does_not(worker, shelf, turns):
    buckets = worker()
    await buckets.take("k", SMALL, 90)
    decisions = await asyncio.gather(*(buckets.take("k", SMALL, cost) for cost in (6, 50, 3)))
    await turns()
    assert [decision.allowed for decision in decisions] == [True, False, True]
    assert shelf.levels["k"].tokens == 1


async def test_an_abandoned_request_takes_nothing(worker, shelf, turns):
    buckets = worker()
    shelf.open.clear()
    waiting = asyncio.create_task(buckets.take("k", SMALL, 10))
    await turns()
    waiting.cancel()
    shelf.open.set()
    await turns()
    assert shelf.levels["k"].tokens == SMALL.quota


async def test_a_store_that_breaks_its_contract_leaves_nobody_waiting(clock):
    class Broken:
        async def lease(self, *asked):
            raise ZeroDivisionError

    buckets = LeasedBuckets(Broken(), lambda: 1, clock)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(buckets.take("k", SMALL, 1), 1)


async def test_who_comes_during_a_round_trip_waits_for_the_next_with_all_others(worker, shelf, turns):
    buckets = worker()
    shelf.open.clear()
    asked = [asyncio.create_task(buckets.take("k", SMALL, 1)) for _ in range(3)]
    await turns()
    asked += [asyncio.create_task(buckets.take("k", SMALL, 2)) for _ in range(4)]
    await turns()
    shelf.open.set()
    assert all(decision.allowed for decision in await asyncio.gather(*asked))
    assert shelf.asked == [(1, 3), (2, 8)]


async def test_those_whom_a_refusal_answers_cause_no_further_call(worker, shelf, turns):
    buckets = worker()
    shelf.open.clear()
    asked = [asyncio.create_task(buckets.take("k", SMALL, 70)) for _ in range(2)]
    await turns()
    asked += [asyncio.create_task(buckets.take("k", SMALL, 70)) for _ in range(30)]
    await turns()
    shelf.open.set()
    assert [decision.allowed for decision in await asyncio.gather(*asked)] == [True] + [False] * 31
    assert len(shelf.asked) == 2  # the second gives back what was left of the first
    assert shelf.levels["k"].tokens == 30


async def test_who_waits_while_it_goes_down_is_decided_locally_after_that_one_call(worker, shelf, turns):
    buckets = worker()
    shelf.open.clear()
    shelf.down = True
    asked = [asyncio.create_task(buckets.take("k", SMALL, 1))]
    await turns()
    asked += [asyncio.create_task(buckets.take("k", SMALL, 1)) for _ in range(30)]
    await turns()
    shelf.open.set()
    assert all(decision.allowed for decision in await asyncio.gather(*asked))
    assert (len(shelf.asked), buckets.counts.shared_in) == (1, 31)
