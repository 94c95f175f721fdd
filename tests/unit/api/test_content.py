import asyncio
import hashlib
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gigaday.api.content import content_response
from gigaday.backends.folder import FolderStore
from gigaday.backends.folder_growing import GrowingFolder
from gigaday.errors import ApiError, BackendDown, NotFound
from tests.clocks import HandClock

DATA = bytes(range(256)) * 1000
KEY = "media/shop/01"
DATE = "Tue, 24 Nov 2026 10:33:32 GMT"


def medium(**changes: Any) -> dict[str, Any]:
    return {
        "_id": "01",
        "filename": "stühle.png",
        "contentType": "image/png",
        "size": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
        "storageKey": KEY,
        "createdAt": "2026-11-24T10:33:32.123Z",
        **changes,
    }


ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'


class Served:
    """A medium's content over HTTP."""

    def __init__(self, objects: FolderStore) -> None:
        self.objects = objects

    async def __call__(
        self, method: str = "GET", headers: dict[str, str] | None = None, **changes: Any
    ) -> httpx.Response:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await content_response(Request(scope, receive), medium(**changes), self.objects)
            except ApiError as error:
                response = JSONResponse({"code": error.code}, error.status, error.headers)
            await response(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return await client.request(method, "/", headers=headers)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 10_000):
        yield data[start : start + 10_000]


async def _waiting() -> Any:
    """A client that stays and says no more."""
    await asyncio.Event().wait()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    objects = FolderStore(tmp_path)
    await objects.put(KEY, _chunks(DATA), "application/octet-stream")
    yield Served(objects)
    await objects.close()


async def test_the_content_comes_back_byte_for_byte(served: Served) -> None:
    answer = await served()
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == ETAG
    assert answer.headers["last-modified"] == DATE
    assert answer.headers["accept-ranges"] == "bytes"
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"] == "inline; filename=\"st_hle.png\"; filename*=UTF-8''st%C3%BChle.png"


@pytest.mark.parametrize(
    ("kind", "disposition"),
    [
        ("image/gif", "inline"),
        ("text/plain", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/xml", "attachment"),
        ("application/pdf", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
async def test_nothing_uploaded_can_run_as_a_page(served: Served, kind: str, disposition: str) -> None:
    answer = await served(contentType=kind, filename='a"\r\nSet-Cookie: x=1;.html')
    assert answer.headers["content-disposition"].startswith(f"{disposition}; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "set-cookie" not in answer.headers


async def test_plain_text_has_a_charset(served: Served) -> None:
    assert (await served(contentType="text/plain")).headers["content-type"] == "text/plain; charset=utf-8"


async def test_head_says_what_get_would_without_the_bytes(served: Served) -> None:
    head, get = await served("HEAD", {"range": "bytes=0-9"}), await served()
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=-5", -5, None),
        ("bytes=255000-999999", 255000, None),
    ],
)
async def test_a_range_is_answered_exactly(served: Served, asked: str, start: int, end: int | None) -> None:
    answer = await served(headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    first = start % len(DATA)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["etag"] == ETAG


async def test_several_ranges_are_answered_as_parts_of_one_body(served: Served) -> None:
    answer = await served(headers={"range": "bytes=0-1, 255000-, -3"})
    assert answer.status_code == 206
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-range" not in answer.headers
    message = message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    )
    parts = [(part["content-range"], part.get_payload(decode=True)) for part in message.get_payload()]
    size = len(DATA)
    assert parts == [
        (f"bytes 0-1/{size}", DATA[:2]),
        (f"bytes 255000-{size - 1}/{size}", DATA[255_000:]),
        (f"bytes {size - 3}-{size - 1}/{size}", DATA[-3:]),
    ]
    assert {part["content-type"] for part in message.get_payload()} == {"image/png"}


async def test_ranges_that_ask_for_the_same_again_and_again_get_the_whole_once(served: Served) -> None:
    answer = await served(headers={"range": "bytes=" + ",".join(["0-"] * 20)})
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("asked", [None, "bytes=0-9"])
async def test_a_server_that_can_sends_whole_files_by_itself(tmp_path: Path, asked: str | None) -> None:
    objects = GrowingFolder(tmp_path, HandClock())
    await objects.put(KEY, _chunks(DATA), "application/octet-stream")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"range", asked.encode())] if asked else []
    scope = {"type": "http", "method": "GET", "headers": headers, "extensions": {"http.response.pathsend": {}}}
    response = await content_response(Request(scope), medium(), objects, objects)
    await response(scope, _waiting, send)
    if asked:
        assert b"".join(message.get("body", b"") for message in sent) == DATA[:10]
    else:
        [start, path] = sent
        assert path["type"] == "http.response.pathsend"
        assert Path(path["path"]).read_bytes() == DATA
        assert dict(start["headers"])[b"content-length"] == str(len(DATA)).encode()


async def test_a_file_that_is_not_there_or_not_whole_is_not_sent(tmp_path: Path) -> None:
    objects = GrowingFolder(tmp_path, HandClock())
    await objects.put(KEY, _chunks(DATA), "application/octet-stream")
    scope = {"type": "http", "method": "GET", "headers": [], "extensions": {"http.response.pathsend": {}}}
    with pytest.raises(NotFound):
        await content_response(Request(scope), medium(storageKey="media/shop/02"), objects, objects)
    cut = await content_response(Request(scope), medium(size=len(DATA) + 1), objects, objects)

    async def send(message: Any) -> None:
        assert message["type"] != "http.response.pathsend"

    with pytest.raises(BackendDown):
        await cut(scope, _waiting, send)


async def test_a_range_past_the_end_is_416_with_the_size(served: Served) -> None:
    answer = await served(headers={"range": f"bytes={len(DATA)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


@pytest.mark.parametrize(
    ("if_range", "status"), [(ETAG, 206), (DATE, 206), (f"W/{ETAG}", 200), ('"old"', 200), ("nonsense", 200)]
)
async def test_a_range_of_another_version_gives_the_whole(served: Served, if_range: str, status: int) -> None:
    assert (await served(headers={"range": "bytes=0-9", "if-range": if_range})).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": ETAG}, 304),
        ({"if-none-match": f'"a", W/{ETAG}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"a"'}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": "Tue, 24 Nov 2026 10:33:31 GMT"}, 200),
        ({"if-none-match": '"a"', "if-modified-since": DATE}, 200),
        ({"if-none-match": ETAG, "range": "bytes=0-1"}, 304),
        ({"if-modified-since": "nonsense"}, 200),
    ],
)
async def test_what_the_client_has_is_not_sent_again(served: Served, headers: dict[str, str], status: int) -> None:
    answer = await served(headers=headers)
    assert answer.status_code == status
    assert answer.headers["etag"] == ETAG
    assert answer.content == (b"" if status == 304 else DATA)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_content_that_is_gone_is_404(served: Served, method: str) -> None:
    answer = await served(method, storageKey="media/shop/02")
    assert answer.status_code == 404
    assert "etag" not in answer.headers


async def test_a_read_that_ends_early_does_not_look_complete(served: Served) -> None:
    with pytest.raises(BackendDown):
        await served(size=len(DATA) + 1)
