"""File names in and out of Content-Disposition (RFC 6266, RFC 8187), whatever characters they are made of."""

import re
from email.message import Message
from urllib.parse import quote, unquote

from gigaday.model.media import FILENAME_LENGTH

DEFAULT = "upload"

# Control characters, and the bidirectional marks that make `gpj.exe` look like `exe.jpg`; surrogates fit no encoding.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_EXACT = re.compile(r";[ \t]*filename\*[ \t]*=[ \t]*(utf-8|iso-8859-1)'[^']*'([^\s;]+)", re.IGNORECASE)
_NOT_QUOTABLE = re.compile(r'[^\x20-\x7e]|["\\%]')


def header(filename: str, *, inline: bool) -> str:
    """A Content-Disposition for `filename`: a plain name for old clients, the exact one where that differs."""
    kind, plain = "inline" if inline else "attachment", _NOT_QUOTABLE.sub("_", filename)
    if plain == filename:
        return f'{kind}; filename="{plain}"'
    exact = quote(filename, safe="!#$&+-.^_`|~", errors="replace")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def clean(name: str) -> str:
    """A name that `model.media.Filename` admits: the last segment of a path, without what could deceive."""
    last = _UNSAFE.sub("", name).replace("\\", "/").rsplit("/", 1)[-1].strip()
    return DEFAULT if last in ("", ".", "..") else _shorten(last)


def parse(value: str) -> str | None:
    """The file name in a Content-Disposition header, `filename*` before `filename`; not yet cleaned."""
    if exact := _EXACT.search(value):
        return unquote(exact[2], "latin-1" if exact[1].lower() == "iso-8859-1" else "utf-8", "replace")
    message = Message()
    message["Content-Disposition"] = _UNSAFE.sub(" ", _as_utf8(value))
    try:
        return message.get_filename()
    except (LookupError, TypeError, ValueError):
        return None  # `filename*` in a character set that does not exist or fit, or beside parts that have no order


def _as_utf8(value: str) -> str:
    """Headers arrive decoded as Latin-1; many clients send UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _shorten(name: str) -> str:
    """At most the length allowed, keeping a short extension."""
    if len(name) <= FILENAME_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 20:
        return name[:FILENAME_LENGTH]
    return stem[: FILENAME_LENGTH - len(extension) - 1] + dot + extension
