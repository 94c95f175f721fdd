from hypothesis import given
from hypothesis import strategies as st

from gigaday.contracts import Policy
from gigaday.rules import buckets

POLICY = Policy("p", quota=10, window=5)
STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 4)), max_size=60)


@given(STEPS)
def test_no_window_admits_more_than_the_quota_and_the_refill(steps):
    level, now, admitted = buckets.full(POLICY, 0.0), 0.0, []
    for wait, cost in steps:
        now += wait
        level, decision = buckets.take(level, POLICY, cost, now)
        if decision.allowed:
            admitted.append((now, cost))
    for first, (start, _) in enumerate(admitted):
        taken = 0
        for at, cost in admitted[first:]:
            taken += cost
            assert taken <= POLICY.quota + (at - start) * POLICY.quota / POLICY.window + 1e-6


@given(STEPS, st.integers(1, 10))
def test_waiting_as_told_is_enough(steps, cost):
    level, now = buckets.full(POLICY, 0.0), 0.0
    for wait, taken in steps:
        now += wait
        level, _ = buckets.take(level, POLICY, taken, now)
    level, refused = buckets.take(level, POLICY, cost, now)
    _, decision = buckets.take(level, POLICY, cost, now + refused.retry_after)
    assert decision.allowed or refused.allowed


@given(STEPS)
def test_refusals_change_nothing(steps):
    level, now = buckets.Level(0.0, 0.0), 0.0
    for wait, _ in steps:
        now += wait
        level, _ = buckets.take(level, POLICY, 11, now)
    assert abs(level.tokens - min(10.0, now * 2)) < 1e-6


def test_a_clock_that_goes_back_refills_nothing():
    level, _ = buckets.take(buckets.full(POLICY, 100.0), POLICY, 10, 100.0)
    _, decision = buckets.take(level, POLICY, 1, 50.0)
    assert not decision.allowed


def test_more_than_the_bucket_holds_is_never_admitted():
    _, decision = buckets.take(buckets.full(POLICY, 0.0), POLICY, 11, 0.0)
    assert not decision.allowed
