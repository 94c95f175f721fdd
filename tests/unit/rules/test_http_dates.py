import pytest

from gigaday.rules import http_dates

DATE = "Tue, 24 Nov 2026 10:33:32 GMT"


def test_a_stored_time_is_cut_to_the_second() -> None:
    assert http_dates.from_time("2026-11-24T10:33:32.987Z") == DATE


@pytest.mark.parametrize(
    ("since", "unchanged"),
    [
        (DATE, True),
        ("Tue, 24 Nov 2026 10:33:33 GMT", True),
        ("Tue, 24 Nov 2026 10:33:31 GMT", False),
        ("Tue, 24 Nov 2026 11:33:32 +0100", True),
        ("", False),
        ("yesterday", False),
        ("Tue, 99 Nov 2026 10:33:32 GMT", False),
    ],
)
def test_unchanged_since(since: str, unchanged: bool) -> None:
    assert http_dates.is_unchanged(since, DATE) is unchanged
