"""Signed keyset cursors: where a list goes on. Bound to the tenant, the resource and the question asked."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

from gigaday.errors import BadCursor

_SIGNATURE = 16


def make(after: tuple[Any, str], question: tuple[str, ...], key: bytes) -> str:
    """A cursor that goes on after (sort value, id); `question` is whatever must be the same next time."""
    payload = msgspec.json.encode(after)
    return base64.urlsafe_b64encode(_sign(payload, question, key) + payload).rstrip(b"=").decode()


def read(cursor: str, question: tuple[str, ...], key: bytes) -> tuple[Any, str]:
    """The (sort value, id) of a cursor. Raises BadCursor where it is forged or was made for another question."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadCursor("The cursor is not one that this API gave; start again without it.") from error
    signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(payload, question, key)):
        raise BadCursor("The cursor belongs to another list, filter or sort; start again without it.")
    value, id = msgspec.json.decode(payload)
    return value, id


def _sign(payload: bytes, question: tuple[str, ...], key: bytes) -> bytes:
    message = msgspec.json.encode(question) + b"\0" + payload
    return hmac.new(key, message, hashlib.sha256).digest()[:_SIGNATURE]
