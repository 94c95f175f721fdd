"""Renders an error as an RFC 9457 problem document."""

from typing import Any

import msgspec

from gigaday.edge.asgi import Headers
from gigaday.errors import ApiError

PAGES = "/docs/errors/"
"""Where the page of each error code is served; `type` points there."""


def render(error: ApiError, request_id: str) -> tuple[int, Headers, bytes]:
    """The status, headers (with content-length) and body that tell a caller of `error`."""
    document: dict[str, Any] = {
        **error.extra,
        "type": PAGES + error.code,
        "title": error.title,
        "status": error.status,
        "detail": _text(error.detail),
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        document["errors"] = [{"pointer": _text(f.pointer), "detail": _text(f.detail)} for f in error.errors]
    body = msgspec.json.encode(document)
    headers = [(name.lower().encode("latin-1"), _value(value)) for name, value in error.headers.items()]
    headers += [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    return error.status, headers, body


def _text(text: str) -> str:
    """`text` without lone surrogates, which an undecodable URL can bring and JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _value(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")
