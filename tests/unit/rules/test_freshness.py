"""Tests of `rules.freshness`."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules import freshness
from gigaday.rules.freshness import Lifetime, Verdict

UNIFORM = st.floats(0, 1, exclude_max=True)
LIFETIME = Lifetime(ttl=100, stale_while_revalidate=20, stale_if_error=50)


@given(UNIFORM)
def test_jitter_stays_within_a_tenth(uniform: float) -> None:
    assert 89.999 < freshness.jittered(100, uniform) < 110.001


@given(UNIFORM, st.floats(0, 1e6))
def test_nothing_is_renewed_in_the_first_half_of_its_life_nor_after_it(uniform: float, seconds: float) -> None:
    assert 50 <= freshness.refresh_after(100, seconds, uniform) <= 100


def test_what_loads_slowly_is_renewed_earlier() -> None:
    random = Random(1)
    ages = {s: sum(freshness.refresh_after(100, s, random.random()) for _ in range(1000)) / 1000 for s in (0.1, 5)}
    assert 99.8 < ages[0.1] < 99.95
    assert 94 < ages[5] < 96


def verdict(now: float, *, believed: float = 1e9) -> Verdict:
    return freshness.verdict(now, refresh_at=90, expires=100, believed_until=believed, lifetime=LIFETIME)


def test_a_believed_value_is_renewed_near_its_end_and_served_meanwhile() -> None:
    assert [verdict(now) for now in (0, 89, 90, 99, 100, 119)] == [
        "fresh", "fresh", "refresh", "refresh", "stale", "stale",
    ]  # fmt: skip


def test_beyond_that_it_stands_in_only_where_a_load_fails() -> None:
    assert [verdict(now) for now in (120, 149, 150)] == ["on_error", "on_error", "dead"]


def test_what_may_have_changed_is_never_served_but_on_error_counted_from_when_it_was_known() -> None:
    assert [verdict(now, believed=10) for now in (9, 10, 59, 60)] == ["fresh", "on_error", "on_error", "dead"]
