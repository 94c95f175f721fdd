"""Entity tags (RFC 9110 section 8.8.3): making, naming per encoding, and comparing them."""

import hashlib
import re

ENCODINGS = ("zstd", "br", "gzip")
_TAG = re.compile(r'(W/)?"([^"]*)"')
_ITEM = re.compile(r'[ \t]*(?:((?:W/)?"[^"]*")[ \t]*)?(?:,|\Z)')
_SUFFIX = re.compile(rf'-(?:{"|".join(ENCODINGS)})"\Z')


def strong(*parts: bytes | str) -> str:
    """A strong tag of `parts`: equal for equal parts in equal order, however they are cut elsewhere."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    # Hexadecimal, so that no tag of ours can end like the suffix of an encoding.
    return f'"{digest.hexdigest()}"'


def for_encoding(etag: str, encoding: str) -> str:
    """The tag of the same version in another encoding ("" is identity): `"abc"` -> `"abc-zstd"`."""
    return f'{etag[:-1]}-{encoding}"' if encoding else etag


def base_tag(etag: str) -> str:
    """The tag of the version, whatever encoding `etag` names: `"abc-zstd"` -> `"abc"`."""
    return _SUFFIX.sub('"', etag)


def strong_bases(header: str) -> list[str]:
    """Of a list of tags, the versions that its strong ones name, whatever their encoding: for If-Match, since a client
    sends back the tag it was given. A list with anything malformed in it names nothing."""
    found: list[str] = []
    at = 0
    while at < len(header):
        item = _ITEM.match(header, at)
        if item is None:
            return []
        at = item.end()
        if item[1] and not item[1].startswith("W/"):
            found.append(base_tag(item[1]))
    return found


def matches(header: str, etag: str, weak: bool) -> bool:
    """Whether a list of tags, or `*`, names `etag`.

    With `weak`, as If-None-Match asks: weak tags equal strong ones, another encoding is another tag, and malformed
    parts match nothing. Without, as If-Match asks: see `strong_bases`.
    """
    if header.strip() == "*":
        return True
    mine = _TAG.fullmatch(etag)
    if mine is None:
        return False
    if weak:
        return any(opaque == mine[2] for _, opaque in _TAG.findall(header))
    return not mine[1] and base_tag(etag) in strong_bases(header)
