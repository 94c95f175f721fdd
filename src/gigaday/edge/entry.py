"""A whole answer, ready to be sent many times: its final bytes in each encoding, each with its own strong ETag."""

import asyncio
from collections.abc import Callable

import msgspec

from gigaday.edge.asgi import Headers, Message
from gigaday.edge.compression import ENCODERS
from gigaday.model.caching import CacheRule
from gigaday.rules import encodings, etags

_LARGE = 256 * 1024
"""Bodies from here on are encoded in a thread: they would hold up the event loop."""
_OFFERED = tuple(ENCODERS)
_KEPT_BY_304 = frozenset(
    (b"etag", b"cache-control", b"vary", b"date", b"expires", b"last-modified", b"content-location")
)
_CALLERS = ("Authorization", "X-API-Key")
_ENTRY_BYTES, _HEADER_BYTES = 400, 150
"""What an entry takes in memory besides its body and headers, and a header besides its text (measured, as the next)."""
_PLAIN_BYTES, _ENCODED_BYTES = 720, 1_070
"""What a variant takes besides its body, which is the origin's own where it is not encoded."""


class Variant(msgspec.Struct, frozen=True):
    """An answer in one encoding. `etag` is empty where it has none. `headers` lack only what belongs to one request;
    `held` are those of a 304."""

    body: bytes
    etag: str
    headers: Headers
    held: Headers
    tag: bytes
    """`etag`, as a client sends it back."""


class Entry:
    """An answer of the origin, encoded once for each encoding asked for, however often it is sent.

    `scope` is what a caller needs to be given it, `cost` what a request for it takes from the caller's bucket.
    """

    __slots__ = ("_encodable", "_making", "_variants", "body", "cost", "grown", "headers", "scope", "size",
                 "status")  # fmt: skip

    def __init__(self, status: int, headers: Headers, body: bytes, rule: CacheRule | None = None) -> None:
        self.status, self.body = status, body
        self.scope, self.cost = (rule.scope, rule.cost) if rule else ("", 1)
        self.headers = varying(headers)
        self._encodable = status != 206 and len(body) >= encodings.SMALLEST and _encodable(headers)
        self._variants: dict[str, Variant] = {}
        self._making: dict[str, asyncio.Task[Variant]] | None = None
        self.size = _ENTRY_BYTES + len(body) + sum(_HEADER_BYTES + len(name) + len(text) for name, text in self.headers)
        """Bytes in memory, about; `grown` is called when an encoding has added to it."""
        self.grown: Callable[[], None] | None = None

    @classmethod
    def of(cls, start: Message, body: bytes, rule: CacheRule | None = None) -> "Entry":
        """From the two messages of a whole answer."""
        return cls(start["status"], lowered(start), body, rule)

    def variant(self, accept: str) -> Variant | None:
        """What a client that sends this Accept-Encoding gets, if it is made already."""
        return self._variants.get(self._choose(accept))

    async def make(self, accept: str) -> Variant:
        """The same, made where it is not."""
        encoding = self._choose(accept)
        made = self._variants.get(encoding)
        if made is not None:
            return made
        if encoding and len(self.body) >= _LARGE:
            return await self._made_aside(encoding)
        return self._keep(encoding, ENCODERS[encoding](self.body) if encoding else self.body)

    async def _made_aside(self, encoding: str) -> Variant:
        """In a thread, once for all who ask meanwhile."""
        if self._making is None:
            self._making = {}
        task = self._making.get(encoding)
        if task is None:
            task = self._making[encoding] = asyncio.create_task(self._make_aside(encoding))
        return await asyncio.shield(task)

    async def _make_aside(self, encoding: str) -> Variant:
        try:
            return self._keep(encoding, await asyncio.to_thread(ENCODERS[encoding], self.body))
        finally:
            if self._making is not None:
                del self._making[encoding]

    def _keep(self, encoding: str, body: bytes) -> Variant:
        made = self._variants[encoding] = self._made(encoding, body)
        self.size += len(body) + _ENCODED_BYTES if encoding else _PLAIN_BYTES
        if self.grown is not None:
            self.grown()
        return made

    def _choose(self, accept: str) -> str:
        return encodings.choose(accept, _OFFERED) if self._encodable else encodings.IDENTITY

    def _made(self, encoding: str, body: bytes) -> Variant:
        headers, etag = self.headers, field(self.headers, b"etag")
        if encoding:
            headers = with_field(headers, b"content-encoding", encoding)
            if etag:
                etag = etags.for_encoding(etag, encoding)
                headers = with_field(headers, b"etag", etag)
        held = [(name, value) for name, value in headers if name in _KEPT_BY_304]
        if _has_body(self.status) and (body or not field(headers, b"content-length")):
            # A handler that answers HEAD by itself has said the length of what it left out.
            headers = with_field(headers, b"content-length", str(len(body)))
        return Variant(body, etag, headers, held, etag.encode("latin-1"))


class EntryCodec:
    """Entries as MessagePack in the shared cache: what the origin said, from which the encodings are made anew."""

    def encode(self, value: Entry) -> bytes:
        return msgspec.msgpack.encode((value.status, value.headers, value.body, value.scope, value.cost))

    def decode(self, raw: bytes) -> Entry:
        """Raises msgspec.DecodeError (a ValueError)."""
        status, headers, body, scope, cost = msgspec.msgpack.decode(raw, type=_Stored)
        return Entry(status, headers, body, CacheRule("", "", scope, 0.0, cost))

    def size(self, value: Entry) -> int:
        return value.size


_Stored = tuple[int, Headers, bytes, str, int]


def _encodable(headers: Headers) -> bool:
    """Whether encoding may help. A part of something is never encoded: its offsets would lie."""
    if field(headers, b"content-encoding") or field(headers, b"content-range") or field(headers, b"accept-ranges"):
        return False
    if "no-transform" in field(headers, b"cache-control"):
        return False
    return encodings.compressible(field(headers, b"content-type"))


def _has_body(status: int) -> bool:
    return status >= 200 and status not in (204, 304)


def lowered(start: Message) -> Headers:
    """The headers of a start message, with lower-case names."""
    return [(name.lower(), value) for name, value in start.get("headers", ())]


def field(headers: Headers, name: bytes) -> str:
    """The first value of a header, or ""."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def with_field(headers: Headers, name: bytes, value: str) -> Headers:
    """`headers` with this value alone under `name`."""
    return [pair for pair in headers if pair[0] != name] + [(name, value.encode("latin-1"))]


def varying(headers: Headers) -> Headers:
    """`headers` that tell other caches on what the answer depends."""
    said = [part.strip() for key, value in headers if key == b"vary" for part in value.decode("latin-1").split(",")]
    if "*" in said:
        return headers
    text = encodings.compressible(field(headers, b"content-type"))
    names = ("Accept-Encoding", *_CALLERS) if text else _CALLERS
    known = {name.lower() for name in said}
    return with_field(headers, b"vary", ", ".join([*filter(None, said), *(n for n in names if n.lower() not in known)]))
