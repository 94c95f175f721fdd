from gigaday.contracts import Decision, Policy
from gigaday.rules import limits

POLICY = Policy('odd "name"', quota=100, window=900)


def test_headers_are_as_the_draft_has_them() -> None:
    assert limits.policy_header(POLICY) == b'"odd \\"name\\"";q=100;w=900'
    decision = Decision(True, remaining=57, reset=41, retry_after=0.0)
    assert limits.ratelimit_header(limits.quoted("default"), decision) == b'"default";r=57;t=41'


def test_each_caller_and_policy_has_a_bucket_in_one_slot() -> None:
    assert limits.key_of("acme", Policy("free", 1, 1)) == "rate_limit:{acme:free}"


def test_a_refused_caller_waits_whole_seconds_and_at_least_one() -> None:
    assert [limits.wait(Decision(False, 0, 1, seconds)) for seconds in (0.001, 1.0, 1.2)] == [1, 1, 2]
