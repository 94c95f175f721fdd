"""Links to media that need no token: a path that names the exact bytes, and a signature where not everyone may follow.

The signature is an HMAC over the path and the whole query in one canonical spelling, so that no proxy that respells
either breaks it, and nothing can be added. Expiry is rounded up to the hour: links made within one hour are the same,
and caches keep one answer for them.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, urlencode

from gigaday.contracts import Document
from gigaday.errors import Forbidden
from gigaday.rules.listing import pairs

BASE = "/files"
EXPIRES, SIGNATURE = "expires", "signature"
ROUNDING = 3_600
"""Seconds that an expiry is a multiple of."""
_DIGEST_BYTES = 16
Query = Iterable[tuple[str, str]]


class Checked(NamedTuple):
    """A link that was followed: its query but for what proves it, and until when it holds. `expires` (epoch seconds)
    is None where it is for ever; `signed` is False where nothing was proven."""

    query: dict[str, str]
    expires: int | None
    signed: bool


def key_of(pepper: bytes) -> bytes:
    """The key that links are signed with."""
    return hmac.new(pepper, b"links", hashlib.sha256).digest()


def path(tenant: str, id: str, sha256: str, filename: str) -> str:
    """Where a medium's bytes are delivered: of other bytes it is another path."""
    return f"{BASE}/{quote(tenant, safe='')}/{id}/{sha256}/{quote(filename, safe='')}"


def path_of(medium: Document) -> str:
    """The same of a stored medium."""
    return path(medium["createdBy"], medium["_id"], medium["sha256"], medium["filename"])


def expiry(now: float, seconds: float) -> int:
    """In epoch seconds: at least `seconds` from `now`, and at most an hour later than that."""
    return -int(-(now + seconds) // ROUNDING) * ROUNDING


def unsigned(path: str, query: Query = ()) -> str:
    """`path` (percent-encoded) with its query in the canonical order."""
    text = _spelt(query)
    return f"{path}?{text}" if text else path


def sign(path: str, query: Query, key: bytes, *, expires: int | None = None) -> str:
    """`path` (percent-encoded) with its query and a signature that holds until `expires`."""
    stated = [*query, *([(EXPIRES, str(expires))] if expires is not None else [])]
    target = unsigned(path, stated)
    return f"{target}{'&' if stated else '?'}{SIGNATURE}={_signature(target, key)}"


def check(path: str, query_string: bytes, key: bytes, now: float) -> Checked:
    """What a link asks for. `path` is decoded, as ASGI has it.

    Raises Forbidden where it has a signature that is wrong or has expired, or any part of it twice; BadRequest where
    the query is no UTF-8. Without a signature nothing is proven, and an expiry has no meaning.
    """
    stated = pairs(query_string)
    query = dict(stated)
    if len(query) != len(stated):
        raise Forbidden("The link names something twice.")
    given = query.pop(SIGNATURE, None)
    if given is None:
        query.pop(EXPIRES, None)
        return Checked(query, None, signed=False)
    target = unsigned(quote(path, safe="/"), query.items())
    if not hmac.compare_digest(_signature(target, key).encode(), given.encode()):
        raise Forbidden("The link's signature is wrong: use it exactly as it was made.")
    return Checked(query, _unexpired(query.pop(EXPIRES, None), now), signed=True)


def _unexpired(text: str | None, now: float) -> int | None:
    if text is None:
        return None
    expires = int(text)
    if expires <= now:
        raise Forbidden("The link has expired; ask for a new one.")
    return expires


def _spelt(query: Query) -> str:
    return urlencode(sorted(query))


def _signature(target: str, key: bytes) -> str:
    digest = hmac.new(key, target.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:_DIGEST_BYTES]).rstrip(b"=").decode()
