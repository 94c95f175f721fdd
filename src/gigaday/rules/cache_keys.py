"""Under which key an answer is cached: all that shapes it, and nothing else."""

from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

_LONGEST_QUERY = 2_048
_REMEMBERED_QUERY = 256
"""Bytes of the longest query string whose canonical form is remembered: thousands of long ones would fill memory."""
_MOST_PARAMETERS = 40


def key(tenant: str, path: str, query: str) -> str:
    """Of a canonical query. No tenant id and no path that has an operation holds a space."""
    return f"{tenant} {path}?{query}"


def canonical(query: bytes) -> str | None:
    """The query string with its parameters decoded, sorted and encoded again, so that one question has one key;
    None where it is malformed or so long that its answer is not worth keeping."""
    if not query:
        return ""
    if len(query) <= _REMEMBERED_QUERY:
        return _remembered(query)
    return _canonical(query) if len(query) <= _LONGEST_QUERY else None


def _canonical(query: bytes) -> str | None:
    try:
        found = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        return None
    return urlencode(sorted(found))


_remembered = lru_cache(maxsize=4_096)(_canonical)
