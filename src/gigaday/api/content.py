"""A medium's bytes as an answer: conditions, ranges, and headers under which nothing uploaded can run as a page."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gigaday.contracts import Document, ObjectStore
from gigaday.errors import BackendDown, NotFound, ObjectMissing
from gigaday.rules import disposition, etags, http_dates, ranges, sniff


async def content_response(request: Request, document: Document, objects: ObjectStore) -> Response:
    """The answer to GET or HEAD: 200, 206 or 304. Raises NotFound where the bytes are gone, RangeNotSatisfiable.

    `document` is a stored medium (`storageKey`, `size`, `sha256`, `filename`, `contentType`, `createdAt`). A read
    that fails midway raises out of the response, so that the server cuts the connection.
    """
    etag, modified = f'"{document["sha256"]}"', http_dates.from_time(document["createdAt"])
    headers = _headers(document, etag, modified)
    if _is_unchanged(request, etag, modified):
        return Response(status_code=304, headers=headers)
    size: int = document["size"]
    part = _part(request, etag, modified, size)
    start, end = part or (0, size)
    headers |= _entity(document, start, end)
    if part:
        headers["content-range"] = ranges.content_range(start, end, size)
    status = 206 if part else 200
    if request.method == "HEAD":
        if await objects.size(document["storageKey"]) is None:
            raise _missing()
        return Response(status_code=status, headers=headers)
    chunks = await _opened(objects, document["storageKey"], start, end)
    return StreamingResponse(chunks, status, headers)


def _headers(document: Document, etag: str, modified: str) -> dict[str, str]:
    """`no-transform`: a stage that compressed the bytes would break both the strong ETag and the ranges."""
    return {
        "etag": etag,
        "last-modified": modified,
        "cache-control": "private, no-cache, no-transform",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "cross-origin",
        "content-disposition": disposition.header(
            document["filename"], inline=sniff.is_inline_safe(document["contentType"])
        ),
    }


def _entity(document: Document, start: int, end: int) -> dict[str, str]:
    kind: str = document["contentType"]
    charset = "; charset=utf-8" if kind.startswith("text/") and sniff.is_inline_safe(kind) else ""
    return {"content-type": kind + charset, "content-length": str(end - start)}


def _is_unchanged(request: Request, etag: str, modified: str) -> bool:
    """If-None-Match decides where it is sent; If-Modified-Since counts without it alone (RFC 9110, section 13.2.2)."""
    if (tags := request.headers.get("if-none-match")) is not None:
        return etags.matches(tags, etag, weak=True)
    return http_dates.is_unchanged(request.headers.get("if-modified-since", ""), modified)


def _part(request: Request, etag: str, modified: str, size: int) -> tuple[int, int] | None:
    """Range has a meaning for GET alone."""
    if request.method != "GET" or not ranges.applies(request.headers.get("if-range"), etag, modified):
        return None
    return ranges.select(request.headers.get("range"), size)


async def _opened(objects: ObjectStore, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes, the first chunk already read: what fails by then is still an answer of its own."""
    chunks = objects.read(key, start, end)
    try:
        first = await anext(chunks, b"")
    except ObjectMissing as error:
        raise _missing() from error
    return _exactly(end - start, first, chunks)


async def _exactly(length: int, first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    left = length - len(first)
    yield first
    async for chunk in rest:
        left -= len(chunk)
        yield chunk
    if left:
        raise BackendDown(f"The object store gave {length - left} bytes of {length}.")


def _missing() -> NotFound:
    return NotFound("The content of this medium is gone.")
