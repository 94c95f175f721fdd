"""The token's text: `gd_<env>_<prefix><secret><checksum>`, base32; the prefix is public, the rest is not.

The checksum (CRC-32, as in GitHub's token format) lets a scanner or a client tell a typo from a revoked token
without asking. 60 bits of prefix find the record; 200 random bits of secret prove it.
"""

import hashlib
import hmac
import re
import zlib
from typing import NamedTuple

from gigaday.rules import ids

PREFIX, SECRET, CHECKSUM = 12, 40, 7
RANDOM_BYTES = 33
_SHAPE = re.compile(rf"gd_([a-z]{{2,10}})_([{ids.ALPHABET}]{{{PREFIX}}})[{ids.ALPHABET}]{{{SECRET + CHECKSUM}}}")


class Secret(NamedTuple):
    """`id` is the public prefix, under which the record is found; `text` is shown once."""

    id: str
    text: str


def make(environment: str, randomness: bytes) -> Secret:
    """A token from `RANDOM_BYTES` random bytes."""
    number = int.from_bytes(randomness, "big")
    body = "".join(ids.ALPHABET[(number >> (5 * at)) & 31] for at in range(PREFIX + SECRET))
    text = f"gd_{environment}_{body}"
    return Secret(body[:PREFIX], text + _checksum(text))


def id_of(text: str) -> str | None:
    """The public prefix, or None where the text is no well-formed token."""
    match = _SHAPE.fullmatch(text)
    if match is None or _checksum(text[:-CHECKSUM]) != text[-CHECKSUM:]:
        return None
    return match[2]


def digest(text: str, pepper: bytes) -> str:
    """What is stored: HMAC-SHA-256 in hex."""
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compares digests in constant time."""
    return hmac.compare_digest(left, right)


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    return "".join(ids.ALPHABET[(number >> (5 * at)) & 31] for at in range(CHECKSUM))
