import pytest

from gigaday.contracts import Policy
from gigaday.limiting.hand import Hand

POLICY = Policy("p", quota=100, window=10)


@pytest.fixture
def hand():
    """Five tokens in hand, and twenty in the bucket."""
    hand = Hand("k", POLICY, 0.0)
    hand.tokens, hand.level = 5, 20.0
    return hand


def test_nothing_is_known_to_lack_before_the_first_answer():
    assert not Hand("k", POLICY, 0.0).lacks(100, 0.0)


def test_what_is_in_hand_the_bucket_and_the_refill_count(hand):
    assert hand.lacks(26, 0.0)
    assert not hand.lacks(25, 0.0)
    assert hand.lacks(36, 1.0)
    assert not hand.lacks(35, 1.0)


def test_the_bucket_refills_to_the_quota_and_no_further(hand):
    assert hand.bucket(1_000.0) == 100


def test_a_rounding_error_refuses_nobody(hand):
    hand.level = 19.999_999_999
    assert not hand.lacks(25, 0.0)


def test_an_admission_tells_what_is_left(hand):
    decision = hand.admitted(1.0)
    assert (decision.allowed, decision.remaining, decision.reset, decision.retry_after) == (True, 35, 7, 0.0)


def test_a_refusal_tells_when_the_cost_will_be_there(hand):
    decision = hand.refused(45, 1.0)
    assert (decision.allowed, decision.remaining, decision.reset) == (False, 35, 7)
    assert decision.retry_after == pytest.approx(1.0)


def test_a_refusal_never_says_at_once(hand):
    assert hand.refused(1, 0.0).retry_after > 0


def test_no_more_than_the_quota_is_told(hand):
    assert (hand.admitted(1_000.0).remaining, hand.refused(200, 1_000.0).reset) == (100, 0)


def test_half_a_lease_is_the_time_to_renew(hand):
    hand.resize(50)
    assert (hand.size, hand.low) == (50, 25)


def test_an_exact_hand_is_never_renewed(hand):
    hand.resize(0)
    assert hand.low < 0


def test_a_lowered_limit_lowers_what_is_known(hand):
    hand.limit(Policy("p", quota=8, window=4))
    assert (hand.bucket(0.0), hand.rate) == (8, 2)


def test_a_lowered_limit_leaves_in_hand_what_is_in_proportion(hand):
    hand.tokens = 50
    hand.limit(Policy("p", quota=10, window=10))
    assert hand.tokens == 5
    hand.limit(Policy("p", quota=1_000, window=10))
    assert hand.tokens == 5
