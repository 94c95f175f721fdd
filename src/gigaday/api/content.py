"""Stored bytes as an answer: conditions, ranges, and headers under which nothing uploaded can run as a page."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gigaday.contracts import Document, LocalFiles, ObjectStore
from gigaday.errors import BackendDown, NotFound, ObjectMissing
from gigaday.rules import disposition, etags, http_dates, ranges, sniff
from gigaday.rules.ranges import Span

PRIVATE = "private, no-cache, no-transform"
"""`no-transform`: a stage that compressed the bytes would break both the strong ETag and the ranges."""
_PATHSEND = "http.response.pathsend"


class Stored(msgspec.Struct, frozen=True):
    """An object and what it is answered as; `modified` is an HTTP date, `size` in bytes."""

    key: str
    size: int
    content_type: str
    etag: str
    modified: str
    filename: str


def original(document: Document) -> Stored:
    """The bytes that were uploaded as a medium."""
    modified = http_dates.from_time(document["createdAt"])
    return Stored(
        document["storageKey"], document["size"], document["contentType"], f'"{document["sha256"]}"', modified,
        document["filename"],
    )  # fmt: skip


async def content_response(
    request: Request, document: Document, objects: ObjectStore, files: LocalFiles | None = None
) -> Response:
    """The answer with a medium's own bytes; as `stored_response`. Raises NotFound where they are gone."""
    try:
        return await stored_response(request, original(document), objects, files)
    except ObjectMissing as error:
        raise NotFound("The content of this medium is gone.") from error


async def stored_response(
    request: Request,
    stored: Stored,
    objects: ObjectStore,
    files: LocalFiles | None = None,
    *,
    cache_control: str = PRIVATE,
    more: Mapping[str, str] | None = None,
) -> Response:
    """The answer to GET or HEAD: 200, 206 or 304. Raises ObjectMissing, RangeNotSatisfiable. A read that fails midway
    raises out of the response, so that the server cuts the connection.

    `files` lets the server send whole ones by itself. `more` are headers of the caller's.
    """
    headers = _headers(stored, cache_control) | dict(more or {})
    if _is_unchanged(request, stored):
        return Response(status_code=304, headers=headers)
    spans = _spans(request, stored)
    if spans is None:
        return await _whole(request, stored, objects, files, headers)
    if len(spans) > 1:
        return await _several(stored, spans, objects, headers)
    [(start, end)] = spans
    chunks = await _opened(objects, stored.key, start, end)
    headers |= {"content-range": ranges.content_range(start, end, stored.size), "content-length": str(end - start)}
    return StreamingResponse(chunks, 206, headers | {"content-type": content_type_of(stored.content_type)})


def _headers(stored: Stored, cache_control: str) -> dict[str, str]:
    return {
        "etag": stored.etag,
        "last-modified": stored.modified,
        "cache-control": cache_control,
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "cross-origin",
        "content-disposition": disposition.header(stored.filename, inline=sniff.is_inline_safe(stored.content_type)),
    }


def content_type_of(kind: str) -> str:
    """The header of a stored type."""
    return kind + ("; charset=utf-8" if kind.startswith("text/") and sniff.is_inline_safe(kind) else "")


def _is_unchanged(request: Request, stored: Stored) -> bool:
    """If-None-Match decides where it is sent; If-Modified-Since counts without it alone (RFC 9110, section 13.2.2)."""
    if (tags := request.headers.get("if-none-match")) is not None:
        return etags.matches(tags, stored.etag, weak=True)
    return http_dates.is_unchanged(request.headers.get("if-modified-since", ""), stored.modified)


def _spans(request: Request, stored: Stored) -> tuple[Span, ...] | None:
    """Range has a meaning for GET alone."""
    if request.method != "GET" or not ranges.applies(request.headers.get("if-range"), stored.etag, stored.modified):
        return None
    return ranges.select(request.headers.get("range"), stored.size)


async def _whole(
    request: Request, stored: Stored, objects: ObjectStore, files: LocalFiles | None, headers: dict[str, str]
) -> Response:
    headers |= {"content-type": content_type_of(stored.content_type), "content-length": str(stored.size)}
    if request.method == "HEAD":
        if await objects.size(stored.key) is None:
            raise ObjectMissing(stored.key)
        return Response(status_code=200, headers=headers)
    if files is not None and _PATHSEND in request.scope.get("extensions", {}):
        path = files.file(stored.key)
        if await asyncio.to_thread(_size, path) == stored.size:
            return _FileResponse(path, headers)
    return StreamingResponse(await _opened(objects, stored.key, 0, stored.size), 200, headers)


async def _several(
    stored: Stored, spans: Sequence[Span], objects: ObjectStore, headers: dict[str, str]
) -> StreamingResponse:
    told = ranges.multipart(spans, stored.size, content_type_of(stored.content_type), stored.etag)
    first = await _opened(objects, stored.key, *spans[0])

    async def parts() -> AsyncIterator[bytes]:
        for head, span in zip(told.heads, spans, strict=True):
            yield head
            async for chunk in first if span is spans[0] else await _opened(objects, stored.key, *span):
                yield chunk
        yield told.tail

    headers |= {"content-type": told.content_type, "content-length": str(told.length)}
    return StreamingResponse(parts(), 206, headers)


async def _opened(objects: ObjectStore, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes, the first chunk already read: what fails by then is still an answer of its own."""
    chunks = objects.read(key, start, end)
    return _exactly(end - start, await anext(chunks, b""), chunks)


async def _exactly(length: int, first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    left = length - len(first)
    yield first
    async for chunk in rest:
        left -= len(chunk)
        yield chunk
    if left:
        raise BackendDown(f"The object store gave {length - left} bytes of {length}.")


def _size(path: Path) -> int:
    """In bytes; -1 where there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


class _FileResponse(Response):
    """A whole file, which the server itself reads and sends (ASGI's `http.response.pathsend`)."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        self._path = str(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": _PATHSEND, "path": self._path})
