"""Tests of `caching.trust`."""

from gigaday.caching.trust import Trust


def test_without_a_stream_nothing_is_ever_trusted() -> None:
    assert not Trust().until > -1e300


def test_it_ends_at_once_and_counts_that_it_did() -> None:
    trust = Trust()
    trust.until = 10.0
    trust.end(4.0)
    trust.end(5.0)
    assert (trust.until, trust.ended) == (4.0, 1)
