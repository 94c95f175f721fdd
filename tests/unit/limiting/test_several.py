import asyncio

import pytest

from gigaday.contracts import Charge, Policy
from gigaday.limiting.several import Several

PLAN = Policy("plan", quota=10_000, window=100)
TOKEN = Policy("token", quota=100, window=900)


def limits(cost=1):
    return [Charge("tenant", PLAN, cost), Charge("token", TOKEN, cost)]


async def decide(several, wanted):
    return several.take_now(wanted) or await several.take(wanted)


@pytest.fixture
def buckets(worker):
    return worker()


@pytest.fixture
def several(buckets):
    return Several(buckets)


async def test_all_are_charged_and_the_tightest_is_told(several, buckets, shelf):
    outcome = await decide(several, limits(cost=10))
    assert (outcome.policy, outcome.decision.allowed, outcome.decision.remaining) == (TOKEN, True, 90)
    assert shelf.levels["tenant"].tokens == 9_990


async def test_a_refusal_of_the_later_charges_nobody(several, buckets, shelf, turns):
    outcomes = [await decide(several, limits()) for _ in range(150)]
    assert [outcome.decision.allowed for outcome in outcomes] == [True] * 100 + [False] * 50
    assert (outcomes[-1].policy, outcomes[-1].decision.retry_after) == (TOKEN, pytest.approx(9))
    await turns()
    await buckets.close()
    assert shelf.levels["tenant"].tokens == 9_900


async def test_a_refusal_of_the_first_leaves_the_later_alone(several, buckets, shelf):
    wanted = [Charge("token", TOKEN, 1), Charge("tenant", PLAN, 1)]
    for _ in range(150):
        await decide(several, wanted)
    await buckets.close()
    assert shelf.levels["tenant"].tokens == 9_900


async def test_what_must_wait_has_taken_nothing(several, buckets, shelf):
    for _ in range(3):
        await buckets.take("tenant", PLAN, 1)
    assert several.take_now(limits()) is None
    await buckets.close()
    assert shelf.levels["tenant"].tokens == 9_997


async def test_an_abandoned_request_takes_nothing(several, buckets, shelf, turns):
    for _ in range(3):
        await buckets.take("tenant", PLAN, 1)
    shelf.open.clear()
    waiting = asyncio.create_task(several.take(limits()))
    await turns()
    waiting.cancel()
    shelf.open.set()
    await turns()
    await buckets.close()
    assert (shelf.levels["tenant"].tokens, shelf.levels["token"].tokens) == (9_997, 100)
