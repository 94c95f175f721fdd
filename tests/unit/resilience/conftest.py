"""A clock that tests move, and guards on it."""

import pytest

from gigaday.resilience.breaker import Breaker, Thresholds
from gigaday.resilience.guard import Guard
from gigaday.resilience.retry_budget import RetryBudget
from tests.clocks import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def make_guard(clock):
    def make(retries=0, seconds=5.0):
        budget = RetryBudget(share=0.0, most=retries) if retries else None
        breaker = Breaker(clock, Thresholds(failures=3, pause=1.0))
        return Guard("thing", breaker, clock, budget=budget, seconds=seconds)

    return make
