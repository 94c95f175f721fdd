import pytest

from gigaday.contracts import Policy
from gigaday.limiting.shadow import Shadowed

PLAN = Policy("plan", quota=10_000, window=100)
TRIAL = Policy("plan", quota=100, window=900)


@pytest.fixture
def shadowed(worker):
    return Shadowed(worker(), worker(), lambda key, policy: TRIAL if key != "spared" else None)


async def spend(buckets, times, key="k", cost=1):
    return [buckets.take_now(key, PLAN, cost) or await buckets.take(key, PLAN, cost) for _ in range(times)]


async def test_counts_what_the_trial_would_have_refused_and_refuses_nothing(shadowed):
    decisions = await spend(shadowed, 150)
    await shadowed.settled()
    assert all(decision.allowed for decision in decisions)
    assert decisions[-1].remaining == 9_850
    assert (shadowed.evaluated, shadowed.would_refuse, shadowed.by_key) == (150, 50, {"k": 50})


async def test_what_is_refused_anyway_does_not_count(shadowed):
    assert not (await spend(shadowed, 1, cost=10_001))[0].allowed
    await shadowed.settled()
    assert shadowed.evaluated == 0


async def test_keys_without_a_trial_are_left_alone(shadowed, shelf):
    await spend(shadowed, 150, key="spared")
    assert (shadowed.evaluated, [key for key in shelf.levels if "shadow" in key]) == (0, [])


async def test_a_trial_never_makes_a_request_wait(shadowed, shelf, turns):
    await spend(shadowed, 3)
    await shadowed.settled()
    shelf.open.clear()
    assert shadowed.take_now("k", PLAN, 1).allowed
    shelf.open.set()
    await shadowed.settled()
    assert shadowed.evaluated == 4


async def test_what_is_given_back_is_given_back_to_the_trial(shadowed, shelf, turns):
    for _ in range(150):
        await spend(shadowed, 1)
        await shadowed.settled()
        shadowed.give_back("k", PLAN, 1)
        await turns()
    assert shadowed.would_refuse == 0


async def test_giving_back_what_the_trial_refused_does_not_fill_it(shadowed, turns):
    await spend(shadowed, 150)
    await shadowed.settled()
    for _ in range(20):
        shadowed.give_back("k", PLAN, 1)
    await turns()
    await spend(shadowed, 10)
    await shadowed.settled()
    assert shadowed.would_refuse == 60


async def test_the_list_of_keys_is_bounded(worker):
    shadowed = Shadowed(worker(), worker(), lambda key, policy: Policy("p", quota=1, window=900))
    for at in range(1_500):
        await spend(shadowed, 2, key=f"k{at}")
    await shadowed.settled()
    assert shadowed.would_refuse == 1_500
    assert len(shadowed.by_key) == 1_000
