"""Lets pages of other origins call the API from a browser (the Fetch standard's CORS protocol).

Outermost, so that whatever is answered can be read by the page, refusals included. What asks only whether it may call
(a preflight) is answered here: it has no token, and must not cost its address's limit anything. No credentials are
allowed: a token travels in a header that the page sets, never in a cookie.
"""

from collections.abc import Collection

from gigaday.edge.asgi import App, Headers, Message, Receive, Scope, Send, first

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_SENT = (
    b"Authorization, X-API-Key, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Range, X-Filename, "
    b"X-Request-Id, X-Consistency-Token, X-HTTP-Method-Override, Tus-Resumable, Upload-Length, Upload-Offset, "
    b"Upload-Metadata, Upload-Checksum, Upload-Defer-Length, Upload-Concat"
)
_SHOWN = (
    b"Location, ETag, Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, "
    b"X-RateLimit-Reset, X-Request-Id, X-Consistency-Token, X-Degraded, Cache-Status, Idempotency-Replayed, Allow, "
    b"Accept-Ranges, Content-Range, Content-Disposition, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "
    b"Tus-Checksum-Algorithm, Upload-Length, Upload-Offset, Upload-Expires, Upload-Metadata"
)
_KEPT_SECONDS = b"7200"
ANY = "*"


class Stage:
    """`origins` are those allowed, such as `https://shop.example`, or `*` for any."""

    def __init__(self, app: App, *, origins: Collection[str]) -> None:
        self.app, self.origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        granted = self._granted(first(scope, b"origin"))
        if granted and scope["method"] == "OPTIONS" and first(scope, b"access-control-request-method"):
            await _permit(send, granted)
            return
        await self.app(scope, receive, _granting(send, granted))

    def _granted(self, origin: str) -> Headers:
        """What tells a page of `origin` that it may read the answer; empty where it may not."""
        if ANY in self.origins:
            return [(b"access-control-allow-origin", b"*")] if origin else []
        if origin not in self.origins:
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1"))]


def _granting(send: Send, granted: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and not _is_granted(message):
            # Caches must not hand one origin's answer to another, nor one that was asked for without an origin.
            told: Headers = [(b"vary", b"Origin"), *granted]
            if granted:
                told.append((b"access-control-expose-headers", _SHOWN))
            message = {**message, "headers": [*message.get("headers", ()), *told]}
        await send(message)

    return sending


def _is_granted(message: Message) -> bool:
    """Whether the answer is for pages of any origin by itself."""
    return any(name.lower() == b"access-control-allow-origin" for name, _ in message.get("headers", ()))


async def _permit(send: Send, granted: Headers) -> None:
    headers = [
        *granted,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _SENT),
        (b"access-control-max-age", _KEPT_SECONDS),
        (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        (b"server", b"gigaday"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
