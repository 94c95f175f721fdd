"""Finds what somebody meant by a name that does not exist."""

from collections.abc import Collection
from difflib import get_close_matches

_LIKENESS = 0.6


def nearest(name: str, valid: Collection[str]) -> str | None:
    """The valid name most like `name`, or None where none is much like it.

    A needless or missing first word (`GIGADAY_PORT` for `PORT`) counts as likeness, whatever the letters' share.
    """
    for candidate in sorted(valid):
        if name.endswith(f"_{candidate}") or candidate.endswith(f"_{name}"):
            return candidate
    found = get_close_matches(name, sorted(valid), n=1, cutoff=_LIKENESS)
    return found[0] if found else None
