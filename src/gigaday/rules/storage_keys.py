"""Where media lie in the object store: `media/TENANT/xx/ID-RANDOM` the file as it was uploaded, and below
`variants/TENANT/xx/ID-RANDOM/` what was made from it."""

import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

ORIGINALS, VARIANTS = "media/", "variants/"
_TOKEN_BYTES = 8
_ORIGINAL = re.compile(r"media/(?P<tenant>[^/]+)/[^/]+/(?P<id>[0-9a-z]{26})(?:-[^/]+)?")


class Place(NamedTuple):
    """Whose bytes lie there, and which medium they were first stored for; others may share them since."""

    tenant: str
    id: str


def storage_key(tenant: str, id: str, token: Callable[[int], str] = secrets.token_hex) -> str:
    """Where the bytes of one attempt to make a medium lie, and of this attempt alone: two that make the same medium
    never touch each other's bytes."""
    return f"{ORIGINALS}{tenant}/{id[-2:]}/{id}-{token(_TOKEN_BYTES)}"


def place(key: str) -> Place | None:
    """What the key of an original tells; None for what is none."""
    found = _ORIGINAL.fullmatch(key)
    return Place(found["tenant"], found["id"]) if found else None


def variants_of(key: str) -> str:
    """The prefix of all that was made from the original under `key`, and of nothing else."""
    return f"{VARIANTS}{key.removeprefix(ORIGINALS)}/"


def original_of(key: str) -> str:
    """The key of the original that the variant under `key` was made from."""
    return ORIGINALS + key.removeprefix(VARIANTS).rpartition("/")[0]
