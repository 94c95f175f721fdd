"""Settles each answer's encoding and conditions: each encoding has its own strong ETag, and a client that holds it gets
a 304. Answers that are streamed pass untouched."""

from gigaday.edge.asgi import Headers, Message, Scope, Send, joined
from gigaday.edge.entry import Entry, Variant, field, lowered, varying
from gigaday.rules import etags


async def send_entry(entry: Entry, scope: Scope, send: Send, cache_status: bytes) -> None:
    """Sends `entry` as this request wants it. `cache_status` is as RFC 9211 has it."""
    variant = await entry.make(joined(scope, b"accept-encoding"))
    if entry.status == 200 and _holds(scope, variant):
        status, headers, body = 304, variant.held, b""
    else:
        status, headers, body = entry.status, variant.headers, b"" if scope["method"] == "HEAD" else variant.body
    await send({"type": "http.response.start", "status": status, "headers": _told(headers, cache_status)})
    await send({"type": "http.response.body", "body": body})


def _holds(scope: Scope, variant: Variant) -> bool:
    if not variant.etag or scope["method"] not in ("GET", "HEAD"):
        return False
    asked = joined(scope, b"if-none-match")
    return bool(asked) and etags.matches(asked, variant.etag, weak=True)


def _told(headers: Headers, cache_status: bytes) -> Headers:
    return headers if field(headers, b"cache-status") else [*headers, (b"cache-status", cache_status)]


class Negotiated:
    """The `send` of an answer that no cache holds: its start is held back until the first body message shows whether
    the answer is whole."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._head = scope["method"] == "HEAD"
        self._send = send
        self._start: Message | None = None
        self._ended = False

    async def send(self, message: Message) -> None:
        """Takes the next message of the origin."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await self._continue(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            entry = Entry.of(start, message.get("body", b""))
            await send_entry(entry, self._scope, self._send, self._bypassed(start))
        else:
            await self._send({**start, "headers": _told(varying(lowered(start)), self._bypassed(start))})
            await self._continue(message)

    async def _continue(self, message: Message) -> None:
        """A streamed answer's next message; a HEAD's answer ends where the first would come."""
        if not self._head:
            await self._send(message)
        elif not self._ended:
            self._ended = True
            await self._send({"type": "http.response.body", "body": b""})

    def _bypassed(self, start: Message) -> bytes:
        why = "bypass" if self._scope["method"] in ("GET", "HEAD") else "method"
        return f"gigaday; fwd={why}; fwd-status={start['status']}".encode()
