import asyncio

import pytest

from gigaday.errors import BackendBusy, BackendDown, BackendFull
from gigaday.model.request import CURRENT, RequestState


class Thing:
    """Fails as often as it is told, and counts how often it is asked."""

    def __init__(self, failures=(), clock=None, takes=0.0):
        self.failures, self.asked, self.clock, self.takes = list(failures), 0, clock, takes

    async def __call__(self):
        self.asked += 1
        if self.clock is not None:
            self.clock.time += self.takes
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


async def test_hands_on_what_is_answered(make_guard):
    guard = make_guard()
    assert await guard.call(Thing()) == "answer"
    assert (guard.calls, guard.failures, guard.refused) == (1, 0, 0)


async def test_asks_no_more_what_has_failed_too_often_and_again_after_the_pause(make_guard, clock):
    guard, thing = make_guard(), Thing([BackendDown("gone")] * 3)
    for _ in range(5):
        with pytest.raises(BackendDown):
            await guard.call(thing)
    assert (thing.asked, guard.refused) == (3, 2)
    clock.time += 1.0
    assert await guard.call(thing) == "answer"
    assert guard.breaker.state == "closed"


async def test_tries_once_more_what_failed_at_once_while_the_budget_lasts(make_guard):
    guard, thing = make_guard(retries=1), Thing([BackendDown("lost")])
    assert await guard.call(thing) == "answer"
    thing.failures = [BackendDown("lost")]
    with pytest.raises(BackendDown):
        await guard.call(thing)
    assert thing.asked == 3


async def test_never_tries_again_without_a_budget(make_guard):
    thing = Thing([BackendDown("lost")])
    with pytest.raises(BackendDown):
        await make_guard().call(thing)
    assert thing.asked == 1


async def test_does_not_repeat_what_was_waited_for(make_guard, clock):
    thing = Thing([BackendDown("slow")], clock, takes=0.7)
    with pytest.raises(BackendDown):
        await make_guard(retries=5).call(thing)
    assert thing.asked == 1


async def test_neither_repeats_nor_counts_against_it_what_is_only_busy(make_guard):
    guard, thing = make_guard(retries=5), Thing([BackendBusy("full pool")] * 9)
    for _ in range(9):
        with pytest.raises(BackendBusy):
            await guard.call(thing)
    assert (thing.asked, guard.breaker.state) == (9, "closed")


async def test_an_error_that_is_an_answer_closes_the_breaker(make_guard, clock):
    guard, thing = make_guard(), Thing([BackendDown("gone")] * 3 + [BackendFull("no space")])
    for _ in range(3):
        with pytest.raises(BackendDown):
            await guard.call(thing)
    clock.time += 1.0
    with pytest.raises(BackendFull):
        await guard.call(thing)
    assert guard.breaker.state == "closed"


async def test_ends_what_takes_too_long_and_counts_it(make_guard):
    guard = make_guard(seconds=0.01)
    with pytest.raises(BackendDown, match="no answer in time"):
        await guard.call(asyncio.Event().wait)
    assert guard.failures == 1


async def test_a_request_with_little_time_left_says_nothing_of_the_technology(make_guard, clock):
    guard = make_guard(seconds=5.0)
    token = CURRENT.set(RequestState("r", 0.0, deadline=clock.time + 0.01))
    try:
        with pytest.raises(BackendBusy):
            await guard.call(asyncio.Event().wait)
    finally:
        CURRENT.reset(token)
    assert (guard.failures, guard.breaker.state) == (0, "closed")


async def test_a_probe_is_made_though_the_breaker_be_open_and_closes_it_after_the_pause(make_guard, clock):
    guard, thing = make_guard(), Thing([BackendDown("gone")] * 3)
    for _ in range(3):
        with pytest.raises(BackendDown):
            await guard.call(thing)
    await guard.probe(thing)
    assert guard.breaker.state == "open"
    clock.time += 1.0
    await guard.probe(thing)
    assert guard.breaker.state == "closed"


async def test_a_stream_that_fails_counts_and_one_whose_client_went_away_does_not(make_guard):
    guard = make_guard()
    for error in (BackendDown("reset"), ConnectionResetError("client")):
        with pytest.raises(type(error)), guard.watched():
            raise error
    assert (guard.calls, guard.failures) == (2, 1)


@pytest.mark.parametrize("ends", [None, BackendDown("late")])
async def test_a_call_from_before_the_breaker_opened_decides_nothing_while_another_tries(make_guard, clock, ends):
    guard, go_on = make_guard(), asyncio.Event()

    async def late():
        await go_on.wait()
        if ends is not None:
            raise ends

    early = asyncio.create_task(guard.call(late))
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(BackendDown):
            await guard.call(Thing([BackendDown("gone")]))
    clock.time += 1.0
    trial = asyncio.create_task(guard.call(asyncio.Event().wait))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(early, return_exceptions=True)
    assert (guard.breaker.state, guard.breaker.opened) == ("half_open", 1)
    trial.cancel()
