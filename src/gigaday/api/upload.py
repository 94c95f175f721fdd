"""One upload received: raw body or form, streamed into the object store while it is measured, never held whole."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from urllib.parse import unquote

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gigaday.api.multipart import FileForm
from gigaday.contracts import ObjectStore
from gigaday.errors import BadRequest, BodyTooLarge, Fault, Invalid, UnsupportedMediaType
from gigaday.model.media import ALT_LENGTH
from gigaday.rules import disposition, sniff
from gigaday.rules.dimensions import HEAD, dimensions

Sink = Callable[[AsyncIterator[bytes]], Awaitable[object]]

STALL_SECONDS = 30.0
_FORM = b"multipart/form-data"
_FORM_OVERHEAD = 64 << 10
"""What a form may add to its file: boundaries, headers, the small fields."""


class BodyStalled(BadRequest):
    status, title = 408, "The body stopped coming"


class Received(msgspec.Struct, frozen=True, rename="camel"):
    """What is known of the bytes: `size` in bytes, `sha256` in hex, `width` and `height` in pixels."""

    filename: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    alt: str | None


async def receive_upload(
    request: Request, objects: ObjectStore, *, key: str, limit: int, stall: float = STALL_SECONDS
) -> Received:
    """Stores the one file of a request of at most `limit` bytes under `key`, all or nothing.

    Raises BodyTooLarge, BadRequest (malformed), BodyStalled (`stall` seconds without a byte), Invalid (empty, wrong
    parts), UnsupportedMediaType, starlette's ClientDisconnect and what `objects.put` raises; none of them leaves
    anything stored.
    """
    return await _receive(request, lambda chunks: objects.put(key, chunks, sniff.UNKNOWN), limit, stall)


async def measure_upload(request: Request, *, limit: int, stall: float = STALL_SECONDS) -> Received:
    """What `receive_upload` would tell, with nothing stored."""
    return await _receive(request, _drain, limit, stall)


async def _receive(request: Request, sink: Sink, limit: int, stall: float) -> Received:
    kind, options = parse_options_header(request.headers.get("content-type"))
    _check_type(request, kind)
    form = FileForm(options.get(b"boundary", b"")) if kind == _FORM else None
    meter = _Meter(limit)
    async with aclosing(_body(request, limit + (_FORM_OVERHEAD if form else 0), stall)) as body:
        source = form.chunks(body) if form else body
        async with aclosing(_measured(source, meter, request, form)) as chunks:
            await sink(chunks)
    return meter.received


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


class _Meter:
    """Size, digest and first bytes of what flows by; `received` once it has."""

    received: Received

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = 0
        self.digest = hashlib.sha256()
        self.head = bytearray()

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limit:
            raise _too_large(self._limit)
        self.digest.update(chunk)
        if len(self.head) < HEAD:
            self.head += chunk[: HEAD - len(self.head)]


async def _measured(
    source: AsyncGenerator[bytes, None], meter: _Meter, request: Request, form: FileForm | None
) -> AsyncGenerator[bytes, None]:
    async with aclosing(source):
        async for chunk in source:
            meter.take(chunk)
            yield chunk
    # What is wrong is raised here, inside the put, so that the store discards what it was given.
    if not meter.size:
        raise Invalid("The file is empty.", errors=[Fault("/file" if form else "", "must hold at least one byte")])
    meter.received = _received(meter, request, form)


async def _body(request: Request, cap: int, stall: float) -> AsyncGenerator[bytes, None]:
    """The body; refused before it is read where it says that it is too long, and while it is read where it does not."""
    declared = declared_length(request)
    if declared is not None and declared > cap:
        raise _too_large(cap)
    total = 0
    async with aclosing(request.stream()) as stream:
        while chunk := await next_chunk(stream, stall):
            total += len(chunk)
            if total > cap:
                raise _too_large(cap)
            yield chunk
    if declared is not None and total != declared:
        raise BadRequest(f"The body has {total} bytes where Content-Length says {declared}.")


async def next_chunk(stream: AsyncGenerator[bytes, None], stall: float) -> bytes:
    """The next bytes, empty at the end. Raises BodyStalled once none have come for `stall` seconds."""
    try:
        async with asyncio.timeout(stall):
            async for chunk in stream:
                if chunk:
                    return chunk
            return b""
    except TimeoutError:
        raise BodyStalled(f"No byte of the body came for {stall:g} seconds.") from None


def declared_length(request: Request) -> int | None:
    """How long the body says that it is, in bytes. Raises BadRequest."""
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest("Content-Length is not a number.")
    return int(text)


def _check_type(request: Request, kind: bytes) -> None:
    if kind == b"application/x-www-form-urlencoded" or (kind.startswith(b"multipart/") and kind != _FORM):
        raise UnsupportedMediaType("Send multipart/form-data with a part named file, or the file itself as the body.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the file without Content-Encoding.")


def _filename(request: Request, form: FileForm | None) -> str:
    """The first name that is given: form part, `X-Filename` (percent-encoded), Content-Disposition, `?filename=`."""
    candidates = (
        form.filename if form else "",
        unquote(request.headers.get("x-filename", "")),
        disposition.parse(request.headers.get("content-disposition", "")),
        request.query_params.get("filename"),
    )
    return disposition.clean(next((name for name in candidates if name), ""))


def _alt(request: Request, form: FileForm | None) -> str | None:
    alt = form.fields.get("alt") if form else request.query_params.get("alt")
    if alt is not None and len(alt) > ALT_LENGTH:
        raise Invalid("The alt text is too long.", errors=[Fault("/alt", f"must have at most {ALT_LENGTH} characters")])
    if alt is not None and "\0" in alt:
        raise Invalid("The alt text is not valid.", errors=[Fault("/alt", "holds a NUL character")])
    return alt or None


def _received(meter: _Meter, request: Request, form: FileForm | None) -> Received:
    head = bytes(meter.head)
    declared = form.declared if form else request.headers.get("content-type", "")
    kind = sniff.content_type(head, declared)
    width, height = (dimensions(head) if sniff.is_raster(kind) else None) or (None, None)
    name, alt = _filename(request, form), _alt(request, form)
    return Received(name, kind, meter.size, meter.digest.hexdigest(), width, height, alt)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"An upload may have at most {limit} bytes.", extra={"limit": limit})
