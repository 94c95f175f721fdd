import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import RangeNotSatisfiable
from gigaday.rules import ranges


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-500", (0, 100)),
        ("BYTES= 5-6 ", (5, 7)),
    ],
)
def test_one_range_is_cut_to_the_content(header: str, part: tuple[int, int]) -> None:
    assert ranges.select(header, 100) == part


MALFORMED = ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=--5", "bytes=0x1-2", "bytes=1 -2"]


@pytest.mark.parametrize(
    "header", [None, *MALFORMED, "items=0-5", "bytes=0-1,5-6", "bytes=0-" + "9" * 5000, "bytes=²-"]
)
def test_malformed_unknown_and_several_ranges_ask_for_the_whole(header: str | None) -> None:
    assert ranges.select(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_range_outside_the_content_is_refused_with_the_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        ranges.select(header, 100)
    assert caught.value.headers["Content-Range"] == "bytes */100"


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_range_lies_within_the_content(first: int, length: int, size: int) -> None:
    try:
        part = ranges.select(f"bytes={first}-{first + length}", size)
    except RangeNotSatisfiable:
        assert first >= size
    else:
        assert part == (first, min(size, first + length + 1))


def test_content_range_names_the_last_byte() -> None:
    assert ranges.content_range(10, 20, 100) == "bytes 10-19/100"


DATE = "Tue, 24 Nov 2026 10:33:32 GMT"


@pytest.mark.parametrize(
    ("if_range", "counts"),
    [
        (None, True),
        ('"a"', True),
        (DATE, True),
        ('W/"a"', False),
        ('"b"', False),
        ("Tue, 24 Nov 2026 10:33:33 GMT", False),
    ],
)
def test_if_range_needs_the_same_strong_validator(if_range: str | None, counts: bool) -> None:
    assert ranges.applies(if_range, '"a"', DATE) is counts
