"""The least that a server can be asked to run: one fixed answer, with the headers that Gigaday's have."""

from typing import Any

BODY = b'{"_id":"01hz","name":"' + b"n" * 560 + b'"}'
HEADERS = [
    (b"cache-control", b"private, no-cache"),
    (b"etag", b'"01hz.1"'),
    (b"content-type", b"application/json"),
    (b"vary", b"Accept-Encoding, Authorization, X-API-Key"),
    (b"content-length", str(len(BODY)).encode()),
    (b"cache-status", b"gigaday; hit"),
    (b"ratelimit-policy", b'"unlimited";q=1000000000;w=60'),
    (b"ratelimit", b'"unlimited";r=999999999;t=1'),
    (b"x-request-id", b"01hz0123456789012345678901"),
    (b"server", b"gigaday"),
]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything alike."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})
