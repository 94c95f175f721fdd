"""Whether the type that a client promised can be that of the bytes it sent."""

from gigaday.rules import sniff

_ALIASES = {
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/x-png": "image/png",
    "text/xml": "application/xml",
}
_PROMISE_NOTHING = frozenset(("", sniff.UNKNOWN, "binary/octet-stream"))
_TEXTUAL = ("text/", "application/")
_MAGICAL = frozenset(("application/pdf", "application/zip", "application/gzip", "image/svg+xml"))
"""Types, besides raster images, that are known by their bytes: what is not seen to be one is none."""
_ZIPPED = ("application/vnd.", "application/epub", "application/java-archive", "application/x-")


def plain(kind: str | None) -> str:
    """A content type without parameters, in its usual spelling; "" where there is none."""
    name = (kind or "").partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def fits(promised: str | None, seen: str) -> bool:
    """Whether bytes of the type `seen` (`rules.sniff`) may be what was promised. What cannot be told from bytes, as
    with most kinds of text and whatever has no magic number, is not held against anyone."""
    promised = plain(promised)
    if promised in _PROMISE_NOTHING or promised == seen:
        return True
    if promised in _MAGICAL or sniff.is_raster(promised):
        return False
    if seen == sniff.UNKNOWN:
        return True
    if seen in ("text/plain", "application/json"):
        return promised.startswith(_TEXTUAL)
    if seen == "application/zip":
        return promised.startswith(_ZIPPED)
    return seen.partition("/")[0] == promised.partition("/")[0]
