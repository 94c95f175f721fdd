import pytest

from gigaday.resilience.breaker import Breaker, Thresholds
from tests.clocks import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock, Thresholds(failures=3, share=0.5, least=10, window=10, pause=2))


def fail(breaker, times=1):
    for _ in range(times):
        breaker.failed()


def test_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert (breaker.allows(), breaker.state, breaker.opened) == (True, "closed", 0)
    fail(breaker)
    assert (breaker.allows(), breaker.state, breaker.opened) == (False, "open", 1)


def test_opens_where_too_large_a_share_of_the_calls_fails(breaker):
    for _ in range(4):
        breaker.succeeded()
        breaker.failed()
    assert breaker.state == "closed"
    breaker.succeeded()
    breaker.failed()
    assert breaker.state == "open"


def test_failures_long_ago_do_not_count(breaker, clock):
    for _ in range(9):
        breaker.failed()
        breaker.succeeded()
        clock.time += 5.1
    assert breaker.state == "closed"


def test_lets_one_call_try_after_the_pause(breaker, clock):
    fail(breaker, 3)
    clock.time += 1.9
    assert not breaker.allows()
    clock.time += 0.1
    assert breaker.state == "half_open"
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_success_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.time += 2
    breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.allows(), breaker.allows()) == ("closed", True, True)
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_a_failed_attempt_opens_it_again(breaker, clock):
    fail(breaker, 3)
    clock.time += 2
    breaker.allows()
    breaker.failed()
    assert (breaker.state, breaker.opened) == ("open", 2)
    clock.time += 1.9
    assert not breaker.allows()
    clock.time += 0.1
    assert breaker.allows()


def test_calls_from_before_it_opened_change_nothing(breaker, clock):
    fail(breaker, 3)
    clock.time += 1.5
    breaker.failed()
    breaker.succeeded()
    assert breaker.state == "open"
    clock.time += 0.5
    assert breaker.allows()


def test_an_attempt_that_never_ends_makes_way_for_the_next(breaker, clock):
    fail(breaker, 3)
    clock.time += 2
    assert breaker.allows()
    clock.time += 2
    assert breaker.allows()
