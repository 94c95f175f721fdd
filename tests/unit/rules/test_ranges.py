"""Ranges as RFC 9110 has them: exact where they can be served, the whole where not, and never a burden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import RangeNotSatisfiable
from gigaday.rules.ranges import MOST, Span, applies, content_range, multipart, select

DATE = "Tue, 24 Nov 2026 10:33:32 GMT"


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=5-", [(5, 100)]),
        ("bytes=-5", [(95, 100)]),
        ("bytes=-500", [(0, 100)]),
        ("bytes=90-1000", [(90, 100)]),
        ("BYTES= 0-1", [(0, 2)]),
        ("bytes=0-1,5-6", [(0, 2), (5, 7)]),
        ("bytes=50-, 0-1 ,,-2", [(50, 100), (0, 2), (98, 100)]),
        ("bytes=0-1,200-300", [(0, 2)]),
        ("bytes=0-1,-0", [(0, 2)]),
        ("bytes=0-10,5-15", [(0, 11), (5, 16)]),
    ],
)
def test_what_is_asked_is_selected_in_its_order(header: str, spans: list[tuple[int, int]]) -> None:
    assert select(header, 100) == tuple(Span(*span) for span in spans)


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,x", "bytes=0-1,5-4", "bytes=+1-2",
     "bytes=0-" + "9" * 31, "bytes=١-٢", "bytes=0-1;5-6", "bytes=,", "bytes=" + "0-1," * 1_000],
)  # fmt: skip
def test_what_is_no_range_gives_the_whole(header: str | None) -> None:
    assert select(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=100-200,300-", "bytes=999999999999999999999-"])
def test_what_lies_wholly_beyond_is_refused_with_the_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        select(header, 100)
    assert refused.value.headers["Content-Range"] == "bytes */100"


def test_nothing_has_no_ranges() -> None:
    with pytest.raises(RangeNotSatisfiable):
        select("bytes=0-", 0)


def test_more_ranges_than_anyone_needs_give_the_whole() -> None:
    many = [f"{number}-{number}" for number in range(0, 3 * MOST, 2)]
    assert len(select("bytes=" + ",".join(many[:MOST]), 1_000) or ()) == MOST
    assert select("bytes=" + ",".join(many[: MOST + 1]), 1_000) is None


@pytest.mark.parametrize("header", ["bytes=0-,0-,0-,0-", "bytes=0-9,1-9,2-9,3-9", "bytes=-5,-6,-7,-8"])
def test_ranges_that_repeat_the_same_bytes_give_the_whole(header: str) -> None:
    assert select(header, 100) is None


@given(st.binary(min_size=1, max_size=60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), min_size=2))
def test_several_are_told_as_long_as_announced(content: bytes, asked: list[tuple[int, int]]) -> None:
    header = "bytes=" + ",".join(f"{min(pair)}-{max(pair)}" for pair in asked)
    try:
        spans = select(header, len(content))
    except RangeNotSatisfiable:
        return
    if spans is None:
        return
    told = multipart(spans, len(content), "image/png", '"etag"')
    body = b"".join(head + content[slice(*span)] for head, span in zip(told.heads, spans, strict=True)) + told.tail
    assert len(body) == told.length
    boundary = told.content_type.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == len(spans) + 1


def test_parts_say_what_they_are() -> None:
    told = multipart((Span(0, 2), Span(5, 7)), 100, "image/png", '"e"')
    assert b"Content-Type: image/png\r\nContent-Range: bytes 5-6/100\r\n\r\n" in told.heads[1]
    assert told.heads[0].startswith(b"--") and told.heads[1].startswith(b"\r\n--") and told.tail.endswith(b"--\r\n")


def test_a_content_range_names_the_last_byte() -> None:
    assert content_range(5, 7, 100) == "bytes 5-6/100"


@pytest.mark.parametrize(
    ("if_range", "counts"), [(None, True), ('"e"', True), (DATE, True), ('W/"e"', False), ('"f"', False), ("x", False)]
)
def test_if_range_compares_strongly(if_range: str | None, counts: bool) -> None:
    assert applies(if_range, '"e"', DATE) is counts
