import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules import times


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_texts_sort_as_the_times_do(left, right):
    assert (times.text(left / 1000) < times.text(right / 1000)) == (left < right)


def test_whole_seconds_keep_their_width():
    assert times.text(1_700_000_000) == "2023-11-14T22:13:20.000Z"


def test_other_zones_and_dates_are_brought_to_utc():
    assert times.parse("2026-01-01T01:00:00+01:00") == "2026-01-01T00:00:00.000Z"
    assert times.parse("2026-01-01") == "2026-01-01T00:00:00.000Z"


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError):
        times.parse("yesterday")


def test_the_stored_form_is_recognised():
    assert times.is_time(times.text(12.5))
    assert not times.is_time("2026-01-01")
