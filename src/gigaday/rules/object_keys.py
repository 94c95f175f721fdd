"""Keys of objects: what every object store takes alike, and nothing that a path could be made of."""

import re

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


def check(key: str) -> str:
    """The key. Raises ValueError where a segment is empty, hidden, too long or of other characters."""
    if len(key) > 900 or not all(_PART.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"not an object key: {key[:200]!r}")
    return key
