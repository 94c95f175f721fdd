"""Identifiers: 26 characters of Crockford base32 that sort by the time they were made (the ULID layout)."""

import re

from gigaday.contracts import ID_PATTERN

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
_SHAPE = re.compile(ID_PATTERN)


def make(seconds: float, randomness: bytes) -> str:
    """An id from epoch `seconds` (kept to the millisecond) and ten random bytes."""
    return encode((int(seconds * 1000) << 80) | int.from_bytes(randomness[:10], "big"))


def encode(number: int) -> str:
    """The lowest 130 bits of `number`, most significant first."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an id."""
    return _SHAPE.fullmatch(text) is not None
