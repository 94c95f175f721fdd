"""Byte ranges (RFC 9110, section 14): which part of a content a request asks for."""

import re

from gigaday.errors import RangeNotSatisfiable

# Thirty digits hold any size; more would cost time to convert.
_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)


def select(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, end) of the range asked for, or None for the whole: no range, a malformed one or several.

    Raises RangeNotSatisfiable, with the Content-Range that tells the size.
    """
    match = _ONE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    elif last and int(last) < int(first):
        return None
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    if start >= end:
        raise RangeNotSatisfiable(
            f"The content has {size} bytes.", headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        )
    return start, end


def content_range(start: int, end: int, size: int) -> str:
    """The Content-Range of [start, end)."""
    return f"bytes {start}-{end - 1}/{size}"


def applies(if_range: str | None, etag: str, last_modified: str) -> bool:
    """Whether Range counts under `if_range`: strong comparison, so a weak tag or another date never does."""
    return if_range is None or if_range.strip() in (etag, last_modified)
