import asyncio
import hashlib
import struct
import zlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import ClientDisconnect, Request

from gigaday.api.upload import BodyStalled, Received, measure_upload, receive_upload
from gigaday.backends.folder import FolderStore
from gigaday.errors import ApiError, BadRequest, BodyTooLarge, Invalid, UnsupportedMediaType

KEY = "media/shop/01"
LIMIT = 1 << 20
FORM = "multipart/form-data; boundary=XX"


def picture(width: int = 4, height: int = 3) -> bytes:
    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress((b"\0" + b"\x80\x40\x20" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", pixels) + block(b"IEND", b"")


def part(name: str, data: bytes, filename: str | None = None, kind: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{typed}\r\n'
    return head.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


def request(chunks: Iterable[bytes], headers: dict[str, str], query: str = "", cut: bool = False) -> Request:
    """A POST whose body arrives in `chunks`; with `cut` the client vanishes after them."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return messages.pop(0)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": query.encode()}
    return Request(scope, receive)


class Desk:
    """An object store, and uploads to it."""

    def __init__(self, path: Path) -> None:
        self.objects, self.path = FolderStore(path), path

    async def send(self, body: bytes | list[bytes], *, query: str = "", cut: bool = False, **headers: Any) -> Received:
        chunks = [body] if isinstance(body, bytes) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await receive_upload(request(chunks, named, query, cut), self.objects, key=KEY, limit=LIMIT)

    async def stored(self) -> bytes | None:
        size = await self.objects.size(KEY)
        return None if size is None else b"".join([c async for c in self.objects.read(KEY, 0, size)])

    def leftovers(self) -> list[Path]:
        return [path for path in self.path.rglob("*") if path.is_file()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.objects.close()


async def test_a_raw_body_is_stored_and_measured(desk: Desk) -> None:
    data = picture(40, 30)
    received = await desk.send(data, content_type="image/png", x_filename="st%C3%BChle.png")
    digest = hashlib.sha256(data).hexdigest()
    assert received == Received("stühle.png", "image/png", len(data), digest, 40, 30, None)
    assert await desk.stored() == data


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_a_form_is_stored_byte_for_byte_however_it_is_cut(desk: Desk, step: int) -> None:
    data = picture(40, 30) + b"\r\n--X\r\n--XY\r\r\n\r" * 20
    body = form(part("alt", "Grün".encode()), part("file", data, "ü.png", "text/html"))
    received = await desk.send([body[i : i + step] for i in range(0, len(body), step)], content_type=FORM)
    assert await desk.stored() == data
    assert received == Received("ü.png", "image/png", len(data), hashlib.sha256(data).hexdigest(), 40, 30, "Grün")


async def test_the_alt_text_may_follow_the_file(desk: Desk) -> None:
    received = await desk.send(form(part("file", b"hello", "a.txt"), part("alt", b"A")), content_type=FORM)
    assert (received.alt, received.filename, received.content_type) == ("A", "a.txt", "text/plain")


@pytest.mark.parametrize(
    ("query", "headers", "name"),
    [
        ("", {}, "upload"),
        ("filename=a%20b.txt", {}, "a b.txt"),
        ("", {"content_disposition": "attachment; filename*=UTF-8''%E6%A4%85.txt"}, "椅.txt"),
        ("", {"x_filename": "..%2F..%2Fetc%2Fpasswd"}, "passwd"),
        ("", {"x_filename": "a%0D%0ASet-Cookie%3A%20x.png"}, "aSet-Cookie: x.png"),
        ("", {"x_filename": "%FF%FE"}, "\ufffd\ufffd"),
        ("filename=b", {"x_filename": "a"}, "a"),
    ],
)
async def test_a_raw_body_may_be_named_in_three_ways(
    desk: Desk, query: str, headers: dict[str, Any], name: str
) -> None:
    assert (await desk.send(b"hello", query=query, **headers)).filename == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\a.png", "a.png"), ("a%22b%0D%0A.png", 'a"b.png'), ("", "upload")],
)
async def test_a_form_cannot_smuggle_a_path_or_a_header(desk: Desk, sent: str, kept: str) -> None:
    assert (await desk.send(form(part("file", b"x", sent)), content_type=FORM)).filename == kept


@pytest.mark.parametrize(
    ("data", "declared", "kind"),
    [
        (b"<html><script>alert(1)</script>", "image/png", "text/html"),
        (b"<svg><script>alert(1)</script></svg>", "image/png", "image/svg+xml"),
        (b"GIF89a\x01\0\x01\0\0\0\0<script>alert(1)</script>", "text/html", "image/gif"),
        (b'{"a": 1}', "application/json", "application/json"),
        (b"a,b\n", "text/csv", "text/csv"),
    ],
)
async def test_the_type_comes_from_the_bytes(desk: Desk, data: bytes, declared: str, kind: str) -> None:
    assert (await desk.send(data, content_type=declared)).content_type == kind
    assert (await desk.send(form(part("file", data, "a.png", declared)), content_type=FORM)).content_type == kind


async def test_a_broken_picture_has_no_dimensions(desk: Desk) -> None:
    received = await desk.send(picture()[:18])
    assert (received.content_type, received.width, received.height) == ("image/png", None, None)


TOO_LONG = b"x" * (LIMIT + 1)
REFUSED: list[tuple[str, bytes, dict[str, Any], type[ApiError], str | None]] = [
    ("empty raw", b"", {}, Invalid, ""),
    ("empty file", form(part("file", b"", "a")), {"content_type": FORM}, Invalid, "/file"),
    ("no file", form(part("alt", b"x")), {"content_type": FORM}, Invalid, "/file"),
    ("no parts", form(), {"content_type": FORM}, Invalid, "/file"),
    ("two files", form(part("file", b"x"), part("file", b"y")), {"content_type": FORM}, Invalid, "/file"),
    ("unknown", form(part("file", b"x"), part("a/b", b"y")), {"content_type": FORM}, Invalid, "/a~1b"),
    ("nameless", form(part("file", b"x"), part("", b"y")), {"content_type": FORM}, BadRequest, ""),
    ("long alt", form(part("file", b"x"), part("alt", b"y" * 1001)), {"content_type": FORM}, Invalid, "/alt"),
    ("huge alt", form(part("file", b"x"), part("alt", b"y" * 9000)), {"content_type": FORM}, Invalid, "/alt"),
    ("binary alt", form(part("file", b"x"), part("alt", b"\xff")), {"content_type": FORM}, Invalid, "/alt"),
    ("unclosed", part("file", b"x" * 100), {"content_type": FORM}, BadRequest, None),
    ("no form", b"garbage", {"content_type": FORM}, BadRequest, None),
    ("long header", b"--XX\r\nA: " + b"x" * 100_000, {"content_type": FORM}, BadRequest, None),
    ("no boundary", form(part("file", b"x")), {"content_type": "multipart/form-data"}, BadRequest, None),
    ("long boundary", b"x", {"content_type": FORM + "X" * 500}, BadRequest, None),
    ("other multipart", b"x", {"content_type": "multipart/mixed; boundary=X"}, UnsupportedMediaType, None),
    ("urlencoded", b"a=b", {"content_type": "application/x-www-form-urlencoded"}, UnsupportedMediaType, None),
    ("compressed", b"x", {"content_encoding": "gzip"}, UnsupportedMediaType, None),
    ("too large raw", TOO_LONG, {}, BodyTooLarge, None),
    ("too large file", form(part("file", TOO_LONG)), {"content_type": FORM}, BodyTooLarge, None),
    ("too large epilogue", form(part("file", b"x")) + TOO_LONG * 2, {"content_type": FORM}, BodyTooLarge, None),
    ("says too large", b"x", {"content_length": str(LIMIT + 1)}, BodyTooLarge, None),
    ("says more", b"x" * 10, {"content_length": "11"}, BadRequest, None),
    ("says less", b"x" * 10, {"content_length": "9"}, BadRequest, None),
    ("says nonsense", b"x" * 10, {"content_length": "-1"}, BadRequest, None),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
async def test_what_is_refused_leaves_nothing_behind(
    desk: Desk, case: tuple[str, bytes, dict[str, Any], type[ApiError], str | None]
) -> None:
    _, body, headers, error, pointer = case
    with pytest.raises(error) as caught:
        await desk.send(body, **headers)
    assert [fault.pointer for fault in caught.value.errors] == ([] if pointer is None else [pointer])
    assert await desk.stored() is None
    assert desk.leftovers() == []


@pytest.mark.parametrize("body", [b"x" * 100_000, part("file", b"x" * 100_000, "a")], ids=["raw", "form"])
async def test_a_client_that_vanishes_leaves_nothing_behind(desk: Desk, body: bytes) -> None:
    kind = FORM if body.startswith(b"--XX") else "image/png"
    with pytest.raises(ClientDisconnect):
        await desk.send([body], cut=True, content_type=kind)
    assert await desk.stored() is None
    assert desk.leftovers() == []


@pytest.mark.parametrize("body", [b"x" * 100_000, part("file", b"x" * 100_000, "a")], ids=["raw", "form"])
async def test_a_client_that_stalls_leaves_nothing_behind(desk: Desk, body: bytes) -> None:
    messages = [{"type": "http.request", "body": body, "more_body": True}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    kind = FORM if body.startswith(b"--XX") else "image/png"
    asked = Request({**request([], {"content-type": kind}).scope}, receive)
    with pytest.raises(BodyStalled) as caught:
        await receive_upload(asked, desk.objects, key=KEY, limit=LIMIT, stall=0.05)
    assert caught.value.status == 408
    assert await desk.stored() is None
    assert desk.leftovers() == []


async def test_measuring_tells_the_same_and_stores_nothing(desk: Desk) -> None:
    body = form(part("file", picture(40, 30), "a.png"), part("alt", b"A"))
    measured = await measure_upload(request([body], {"content-type": FORM}), limit=LIMIT)
    assert desk.leftovers() == []
    assert measured == await desk.send(body, content_type=FORM)


async def test_a_file_of_the_limit_is_taken_raw_and_as_a_form(desk: Desk) -> None:
    assert (await desk.send(b"x" * LIMIT)).size == LIMIT
    assert (await desk.send(form(part("file", b"x" * LIMIT, "a")), content_type=FORM)).size == LIMIT


async def test_an_upload_over_the_limit_is_not_read_to_its_end(desk: Desk) -> None:
    chunks = [b"x" * (LIMIT // 2)] * 100
    asked = request(chunks, {})
    with pytest.raises(BodyTooLarge):
        await receive_upload(asked, desk.objects, key=KEY, limit=LIMIT)
    assert (await asked.receive())["type"] == "http.request"


def test_what_is_received_encodes_as_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Received("a", "b", 1, "c", None, None, None)))["size"] == 1
