"""Tokens: `gd_<env>_<public prefix><secret><checksum>`, of which only the prefix and an HMAC are stored."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from gigaday.contracts import Collection, Index

TOKENS = Collection("tokens", tenanted=False, indexes=(Index((("tenant", 1), ("_id", 1))),))

FIXED_SCOPES = (
    "media:read",
    "media:write",
    "tokens:read",
    "tokens:write",
    "tenant:read",
    "tenant:write",
    "usage:read",
)
"""What a token may do beside the plain resources, whose scopes follow from their names."""


def readable(scopes: Iterable[str]) -> tuple[str, ...]:
    """Of `scopes`, those that a publishable token may have: reading, but not of tokens."""
    return tuple(scope for scope in scopes if scope.endswith(":read") and not scope.startswith("tokens"))


Scope = Annotated[str, msgspec.Meta(pattern=r"^[a-z]+:(read|write)$(?!\n)", max_length=64)]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """What a tenant admin sends. `expiresIn` is in seconds; a publishable token may only read."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Literal["publishable", "secret"] = "secret"
    scopes: Annotated[list[Scope], msgspec.Meta(max_length=50)] | None = None
    expiresIn: Annotated[int, msgspec.Meta(ge=1, le=10 * 365 * 86_400)] | None = None
