from hypothesis import given
from hypothesis import strategies as st

from gigaday.contracts import Policy
from gigaday.rules import leases

POLICIES = st.builds(Policy, st.just("p"), quota=st.integers(1, 10**9), window=st.integers(1, 86_400))
WORKERS = st.integers(1, 200)


@given(POLICIES, WORKERS)
def test_all_workers_together_hold_a_twentieth_at_most(policy, workers):
    assert workers * leases.largest(policy, workers) <= policy.quota / 20


def test_small_limits_are_kept_exactly():
    assert leases.largest(Policy("p", 319, 60), 1) == 0
    assert leases.largest(Policy("p", 320, 60), 1) == 16
    assert leases.largest(Policy("p", 600, 60), 2) == 0


@given(POLICIES, WORKERS, st.floats(0, 1e9))
def test_leases_leave_half_of_what_is_left_in_the_bucket(policy, workers, left):
    lease = leases.size(policy, workers, left)
    assert lease <= leases.largest(policy, workers)
    assert workers * lease <= left / 2


def test_leases_shrink_towards_exhaustion_and_end_exact():
    policy = Policy("p", 10_000, 60)
    assert [leases.size(policy, 2, left) for left in (10_000, 1_000, 999, 200, 64, 63, 0)] == [
        250,
        250,
        249,
        50,
        16,
        0,
        0,
    ]


@given(st.lists(st.integers(1, 100), min_size=1), st.integers(0, 1_000), st.integers(0, 1_000))
def test_an_ask_covers_what_is_wanted_and_the_lease(costs, held, lease):
    ask = leases.ask(costs, held, lease)
    assert 1 <= ask.least <= ask.most
    assert held + ask.most >= sum(costs) + lease
    assert ask.least == 1 or held + ask.least == min(costs)


@given(POLICIES, WORKERS)
def test_the_shares_never_add_up_to_more_than_the_limit(policy, workers):
    share = leases.share(policy, workers)
    assert (share is None) == (policy.quota < workers)
    if share:
        assert share.window == policy.window
        assert workers * share.quota <= policy.quota


def test_the_bound():
    policy = Policy("standard", 60_000, 60)
    assert leases.most_admitted(policy, 4, 0) == 63_000
    assert leases.most_admitted(policy, 4, 60) == 123_000
    assert leases.most_admitted(policy, 4, 60, sources=2) == 243_000
    assert leases.most_admitted(Policy("small", 100, 900), 4, 9) == 101
