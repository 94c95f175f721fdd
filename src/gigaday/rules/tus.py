"""The headers of tus 1.0, the protocol of resumable uploads (https://tus.io/protocols/resumable-upload)."""

import base64
import binascii
import re
from typing import NamedTuple

from gigaday.errors import BadRequest, UnsupportedVersion

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = {"sha1": 20, "sha256": 32, "md5": 16}
"""Checksums that a chunk may come with, and the bytes that each has."""
CHUNK_TYPE = "application/offset+octet-stream"

_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[!-+\--~]{1,100}")
_MOST_METADATA = 8 << 10


class Checksum(NamedTuple):
    """`algorithm` is one of `ALGORITHMS`."""

    algorithm: str
    digest: bytes


def check_version(sent: str | None) -> None:
    """Raises UnsupportedVersion where a client says another version than ours, or none."""
    if sent != VERSION:
        raise UnsupportedVersion(
            f"Send Tus-Resumable: {VERSION}; no other version is spoken here.", headers={"Tus-Version": VERSION}
        )


def number(name: str, sent: str | None) -> int:
    """A header that holds a size or an offset, in bytes. Raises BadRequest."""
    if sent is None or not _NUMBER.fullmatch(sent):
        raise BadRequest(f"{name} must be a whole number of bytes.")
    return int(sent)


def metadata(sent: str) -> dict[str, str]:
    """What Upload-Metadata holds: keys with Base64 values, separated by commas. Raises BadRequest."""
    if len(sent) > _MOST_METADATA:
        raise BadRequest(f"Upload-Metadata may have at most {_MOST_METADATA} characters.")
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in sent.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key):
            raise BadRequest("A key in Upload-Metadata is not visible ASCII without commas.")
        if key in found:
            raise BadRequest(f"Upload-Metadata has the key {key} twice.")
        found[key] = _text(key, value.strip())
    return found


def checksum(sent: str) -> Checksum:
    """What Upload-Checksum promises of a chunk: an algorithm, then the digest as Base64. Raises BadRequest."""
    algorithm, _, value = sent.strip().partition(" ")
    length = ALGORITHMS.get(algorithm)
    if length is None:
        raise BadRequest(f"Upload-Checksum names no algorithm that is known here: {', '.join(ALGORITHMS)}.")
    digest = _bytes("Upload-Checksum", value)
    if len(digest) != length:
        raise BadRequest(f"Upload-Checksum has a digest of {len(digest)} bytes, where {algorithm} has {length}.")
    return Checksum(algorithm, digest)


def _text(key: str, value: str) -> str:
    try:
        return _bytes(f"The value of {key} in Upload-Metadata", value).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"The value of {key} in Upload-Metadata is not UTF-8.") from None


def _bytes(what: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"{what} is not Base64.") from None
