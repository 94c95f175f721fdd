"""Tests of `caching.trust`."""

from gigaday.caching.trust import Trust


def test_without_a_stream_nothing_is_ever_trusted() -> None:
    assert not Trust().until > -1e300
