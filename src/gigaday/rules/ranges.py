"""Byte ranges (RFC 9110, section 14): which parts of a content a request asks for, and how several are told at once."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from gigaday.errors import RangeNotSatisfiable

MOST = 32
"""A request for more ranges than this is answered with the whole, as is one in which more than `MOST_OVERLAPS` begin
within another: both cost much and serve nobody (RFC 9110, section 14.2)."""
MOST_OVERLAPS = 2
_LONGEST = 2_048
_UNIT = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
# Thirty digits hold any size; more would cost time to convert.
_ONE = re.compile(r"[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*")


class Span(NamedTuple):
    """Bytes [start, end)."""

    start: int
    end: int


class Multipart(NamedTuple):
    """How several spans are sent: `heads` before each of them, `tail` at the end; `length` of all in bytes."""

    content_type: str
    heads: tuple[bytes, ...]
    tail: bytes
    length: int


def select(header: str | None, size: int) -> tuple[Span, ...] | None:
    """The spans asked for, in the order asked, or None for the whole: no range, a malformed one or an abusive one.

    Raises RangeNotSatisfiable where none of them lies within, with the Content-Range that tells the size.
    """
    asked = _parsed(header or "")
    if asked is None or len(asked) > MOST:
        return None
    spans = tuple(span for one in asked if (span := _span(*one, size)).start < span.end)
    if not spans:
        raise RangeNotSatisfiable(
            f"The content has {size} bytes.", headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        )
    return spans if _overlaps(spans) <= MOST_OVERLAPS else None


def multipart(spans: Sequence[Span], size: int, content_type: str, etag: str) -> Multipart:
    """As multipart/byteranges. The boundary follows from the content's own digest, so that no content can hold it."""
    boundary = hashlib.sha256(f"{etag} {spans}".encode()).hexdigest()[:32]
    heads = tuple(_head(span, size, content_type, boundary, first=not at) for at, span in enumerate(spans))
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - start for start, end in spans) + len(tail)
    return Multipart(f"multipart/byteranges; boundary={boundary}", heads, tail, length)


def content_range(start: int, end: int, size: int) -> str:
    """The Content-Range of [start, end)."""
    return f"bytes {start}-{end - 1}/{size}"


def applies(if_range: str | None, etag: str, last_modified: str) -> bool:
    """Whether Range counts under `if_range`: strong comparison, so a weak tag or another date never does."""
    return if_range is None or if_range.strip() in (etag, last_modified)


def _parsed(header: str) -> list[tuple[str, str]] | None:
    """First and last position of each range as written; None where any is malformed."""
    unit = _UNIT.fullmatch(header) if len(header) <= _LONGEST else None
    if unit is None:
        return None
    found = []
    for text in filter(str.strip, unit[1].split(",")):  # a list may hold empty elements (section 5.6.1)
        match = _ONE.fullmatch(text)
        if match is None or match.groups() == ("", ""):
            return None
        first, last = match.groups()
        if first and last and int(last) < int(first):
            return None
        found.append((first, last))
    return found or None


def _span(first: str, last: str, size: int) -> Span:
    if not first:
        return Span(max(0, size - int(last)), size)
    return Span(int(first), min(size, int(last) + 1 if last else size))


def _overlaps(spans: Sequence[Span]) -> int:
    """How many begin before another has ended that began no later."""
    count, reached = 0, 0
    for start, end in sorted(spans):
        count += start < reached
        reached = max(reached, end)
    return count


def _head(span: Span, size: int, content_type: str, boundary: str, *, first: bool) -> bytes:
    lines = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range(*span, size)}\r\n\r\n"
    return (lines if first else f"\r\n{lines}").encode("latin-1")
