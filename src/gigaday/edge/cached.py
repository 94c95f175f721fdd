"""Conditional requests and encodings: each encoding of an answer has its own strong ETag, and a client that holds it
gets a 304. Answers that are streamed pass untouched."""

import asyncio

from gigaday.edge.asgi import App, Headers, Message, Receive, Scope, Send, joined
from gigaday.edge.compression import ENCODERS
from gigaday.rules import encodings, etags

_LARGE = 256 * 1024
"""Bodies from here on are encoded in a thread: they would hold up the event loop."""
_OFFERED = tuple(ENCODERS)
_KEPT_BY_304 = frozenset(
    (b"etag", b"cache-control", b"vary", b"date", b"expires", b"last-modified", b"content-location", b"cache-status")
)
_CALLERS = ("Authorization", "X-API-Key")


class Stage:
    """Needs no collaborators: what it decides follows from the request and the answer."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Answer(scope, send).send)


class _Answer:
    """Holds the start of an answer back until its first body message shows whether it is whole."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._head = scope["method"] == "HEAD"
        self._send = send
        self._start: Message | None = None
        self._ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await self._continue(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._whole(start, message.get("body", b""))
        else:
            await self._send({**start, "headers": self._told(start, _fields(start))})
            await self._continue(message)

    async def _continue(self, message: Message) -> None:
        """A streamed answer's next message; a HEAD's answer ends where the first would come."""
        if not self._head:
            await self._send(message)
        elif not self._ended:
            self._ended = True
            await self._send({"type": "http.response.body", "body": b""})

    async def _whole(self, start: Message, body: bytes) -> None:
        headers = _fields(start)
        encoding = self._encoding(start["status"], headers, body)
        etag = _get(headers, b"etag")
        if etag and encoding:
            etag = etags.for_encoding(etag, encoding)
            headers = _with(headers, b"etag", etag)
        headers = self._told(start, headers)
        if start["status"] == 200 and etag and self._holds(etag):
            kept = [(name, value) for name, value in headers if name in _KEPT_BY_304]
            await self._finish(304, kept, b"")
            return
        if encoding:
            body = await _encoded(encoding, body)
            headers = _with(headers, b"content-encoding", encoding)
        if body or not self._head:
            # A handler that answers HEAD by itself has said the length of what it left out.
            headers = _with(headers, b"content-length", str(len(body))) if _has_body(start["status"]) else headers
        await self._finish(start["status"], headers, b"" if self._head else body)

    async def _finish(self, status: int, headers: Headers, body: bytes) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _encoding(self, status: int, headers: Headers, body: bytes) -> str:
        """The encoding to answer in, or identity. A part of something is never encoded: its offsets would lie."""
        if status == 206 or len(body) < encodings.SMALLEST or not _encodable(headers):
            return encodings.IDENTITY
        return encodings.choose(joined(self._scope, b"accept-encoding"), _OFFERED)

    def _holds(self, etag: str) -> bool:
        if self._scope["method"] not in ("GET", "HEAD"):
            return False
        asked = joined(self._scope, b"if-none-match")
        return bool(asked) and etags.matches(asked, etag, weak=True)

    def _told(self, start: Message, headers: Headers) -> Headers:
        """`headers` with what caches need: on what the answer depends, and that it was not stored here (RFC 9211)."""
        names = ("Accept-Encoding", *_CALLERS) if encodings.compressible(_get(headers, b"content-type")) else _CALLERS
        headers = _varying(headers, names)
        if not _get(headers, b"cache-status"):
            why = "bypass" if self._scope["method"] in ("GET", "HEAD") else "method"
            headers.append((b"cache-status", f"gigaday; fwd={why}; fwd-status={start['status']}".encode()))
        return headers


async def _encoded(encoding: str, body: bytes) -> bytes:
    encode = ENCODERS[encoding]
    return encode(body) if len(body) < _LARGE else await asyncio.to_thread(encode, body)


def _encodable(headers: Headers) -> bool:
    if _get(headers, b"content-encoding") or _get(headers, b"content-range") or _get(headers, b"accept-ranges"):
        return False
    return "no-transform" not in _get(headers, b"cache-control") and encodings.compressible(
        _get(headers, b"content-type")
    )


def _has_body(status: int) -> bool:
    return status >= 200 and status not in (204, 304)


def _fields(start: Message) -> Headers:
    return [(name.lower(), value) for name, value in start.get("headers", ())]


def _get(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _with(headers: Headers, name: bytes, value: str) -> Headers:
    return [pair for pair in headers if pair[0] != name] + [(name, value.encode("latin-1"))]


def _varying(headers: Headers, names: tuple[str, ...]) -> Headers:
    said = [part.strip() for key, value in headers if key == b"vary" for part in value.decode("latin-1").split(",")]
    if "*" in said:
        return headers
    known = {name.lower() for name in said}
    return _with(headers, b"vary", ", ".join([*filter(None, said), *(n for n in names if n.lower() not in known)]))
