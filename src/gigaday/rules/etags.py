"""Entity tags (RFC 9110 section 8.8.3): making, naming per encoding, and comparing them."""

import hashlib
import re

ENCODINGS = ("zstd", "br", "gzip")
_TAG = re.compile(r'(W/)?"([^"]*)"')
_SUFFIX = re.compile(rf'-(?:{"|".join(ENCODINGS)})"$')


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


def matches(header: str, etag: str, weak: bool) -> bool:
    """Whether a list of tags, or `*`, names `etag`.

    With `weak`, as If-None-Match asks: weak tags equal strong ones, and another encoding is another tag. Without, as
    If-Match asks: weak tags match nothing, and a tag of any encoding names the version it encodes, for a client sends
    back the tag it was given. Malformed parts match nothing.
    """
    if header.strip() == "*":
        return True
    mine = _TAG.fullmatch(etag)
    if mine is None:
        return False
    if weak:
        return any(opaque == mine[2] for _, opaque in _TAG.findall(header))
    bare = base_tag(etag)
    return not mine[1] and any(not mark and base_tag(f'"{opaque}"') == bare for mark, opaque in _TAG.findall(header))
