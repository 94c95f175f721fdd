"""Content types read from the bytes themselves: what a client declares is a claim, not a fact."""

import codecs
import re

import filetype
import msgspec

HEAD = 64 << 10
"""How many first bytes `content_type` looks at."""

UNKNOWN = "application/octet-stream"

# Kinds of plain text that no browser runs: here alone a declared type is believed.
_TEXTS = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "text/calendar",
        "text/csv",
        "text/markdown",
        "text/plain",
        "text/tab-separated-values",
        "text/vcard",
    }
)
_RASTERS = frozenset(
    f"image/{name}" for name in ("apng", "avif", "bmp", "gif", "heic", "jpeg", "png", "tiff", "webp", "x-icon")
)
_WRITTEN = ((b"%PDF-", "application/pdf"), (b"{\\rtf", "application/rtf"), (b"%!PS", "application/postscript"))
_MARKUP = re.compile(r"<(?:[a-z]|[!?/])", re.IGNORECASE)
_SVG = re.compile(r"<(?:[a-z_][\w.-]*:)?svg[\s>/:]|<!doctype\s+svg", re.IGNORECASE)
_HTML = re.compile(
    r"<html[\s>]|<!doctype\s+html|<script[\s>/]|<body[\s>]|http://www\.w3\.org/1999/xhtml", re.IGNORECASE
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_BLANK = "\ufeff \t\r\n\f\v\0"


def content_type(head: bytes, declared: str = "") -> str:
    """The type of what begins with `head` (at most `HEAD` bytes are used), `application/octet-stream` if unknown.

    Markup comes first, so that nothing a browser could run passes as something else; then text, for some binary
    formats have magic numbers that words begin with (`BM`); then magic numbers.
    """
    head = head[:HEAD]
    text = _text(head)
    if markup := _markup(text if text is not None else head.decode("latin-1")):
        return markup
    for magic, kind in _WRITTEN:
        if head.startswith(magic):
            return kind
    if text is not None:
        return _kind_of_text(text, len(head) < HEAD, declared) if text.strip(_BLANK) else "text/plain"
    guess: str | None = filetype.guess_mime(head)
    return guess or UNKNOWN


def is_raster(kind: str) -> bool:
    """Whether `kind` is an image made of pixels."""
    return kind in _RASTERS


def is_inline_safe(kind: str) -> bool:
    """Whether a browser may show `kind` in place: pictures, sound, film and plain text, none of which run script.

    PDF is not: viewers run its scripts, and refuse it inside a sandbox.
    """
    return kind in _RASTERS or kind == "text/plain" or kind.startswith(("audio/", "video/"))


def _text(head: bytes) -> str | None:
    """`head` as text, or None. A character cut in two at its end is no fault."""
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if utf16 else "utf-8")()
    try:
        text = decoder.decode(head)
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _markup(text: str) -> str | None:
    # Only the blanks and byte order marks that browsers skip may come before it.
    stripped = text.removeprefix("\xef\xbb\xbf").lstrip(_BLANK)
    if not _MARKUP.match(stripped):
        return None
    svg, html = _SVG.search(stripped), _HTML.search(stripped)
    if svg and (html is None or svg.start() < html.start()):
        return "image/svg+xml"
    return "application/xml" if html is None and stripped.startswith("<?xml") else "text/html"


def _kind_of_text(text: str, whole: bool, declared: str) -> str:
    kind = declared.split(";")[0].strip().lower()
    if whole and text.lstrip(_BLANK)[:1] in ("{", "[") and kind not in _TEXTS:
        return "application/json" if _is_json(text) else "text/plain"
    return kind if kind in _TEXTS else "text/plain"


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text.strip(_BLANK))
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True
