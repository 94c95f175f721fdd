"""Resumable uploads through the whole pipeline, as tus 1.0 has them."""

import asyncio
import base64
import hashlib
import os

import pytest

from tests.api.test_media import png, scoped

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**said: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())


async def begin(api, size: int, token: str | None = None, content: bytes = b"", **said: str):
    headers = {**(CHUNK if content else TUS), "Upload-Length": str(size), "Upload-Metadata": metadata(**said)}
    answer = await api.call("POST", "/uploads", token, content=content, headers=headers)
    if answer.status_code == 201:
        answer.path = answer.headers["location"].removeprefix("/api/v1")
    return answer


async def send(api, path: str, offset: int, content: bytes, **more):
    headers = {**CHUNK, "Upload-Offset": str(offset), **more.pop("headers", {})}
    return await api.call("PATCH", path, content=content, headers=headers, **more)


async def medium(api, path: str) -> dict:
    return (await api.call("GET", path.replace("uploads", "media"))).json()


async def content(api, path: str) -> bytes:
    return (await api.call("GET", path.replace("uploads", "media") + "/content")).content


async def leftovers(api) -> list:
    return (await api.call("GET", "/uploads")).json()["data"]


async def test_what_is_spoken_is_told_without_a_token(api):
    answer = await api.http.options("/api/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    extensions = set(answer.headers["tus-extension"].split(","))
    assert {"creation", "creation-with-upload", "expiration", "checksum", "termination"} == extensions
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5"
    assert int(answer.headers["tus-max-size"]) > 1 << 30


async def test_a_file_sent_in_pieces_becomes_a_medium(api):
    data = png(90, 70) + os.urandom(100_000)
    begun = await begin(api, len(data), filename="stühle.png", filetype="image/png", alt="Two")
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "0")
    assert begun.headers["tus-resumable"] == "1.0.0" and "GMT" in begun.headers["upload-expires"]
    offset = 0
    for cut in (10, 50_000, len(data)):
        head = await api.call("HEAD", begun.path, headers=TUS)
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == (str(offset), str(len(data)))
        assert head.headers["cache-control"] == "no-store"
        assert (await api.call("GET", begun.path.replace("uploads", "media"))).status_code == 404
        sent = await send(api, begun.path, offset, data[offset:cut])
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(cut)), sent.text
        offset = cut
    assert sent.headers["location"] == "/api/v1" + begun.path.replace("uploads", "media")
    made = await medium(api, begun.path)
    assert (made["filename"], made["contentType"], made["alt"]) == ("stühle.png", "image/png", "Two")
    assert (made["size"], made["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert (made["width"], made["height"]) == (90, 70)
    assert await content(api, begun.path) == data
    assert await leftovers(api) == []


async def test_the_first_bytes_may_come_with_the_creation(api):
    data = os.urandom(5_000)
    begun = await begin(api, len(data), content=data[:3_000])
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "3000")
    assert (await send(api, begun.path, 3_000, data[3_000:])).status_code == 204
    assert await content(api, begun.path) == data
    whole = await begin(api, len(data), content=data)
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(data)))
    assert await content(api, whole.path) == data


async def test_a_creation_whose_bytes_are_refused_leaves_nothing(api):
    headers = {**CHUNK, "Upload-Length": "5", "Upload-Checksum": "sha1 " + base64.b64encode(b"0" * 20).decode()}
    refused = await api.call("POST", "/uploads", content=b"hello", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (460, "checksum_mismatch")
    assert await leftovers(api) == []


async def test_the_last_answer_can_be_asked_for_again(api):
    data = os.urandom(1_000)
    begun = await begin(api, len(data))
    await send(api, begun.path, 0, data)
    head = await api.call("HEAD", begun.path, headers=TUS)
    assert (head.status_code, head.headers["upload-offset"]) == (200, "1000")
    again = await send(api, begun.path, 1_000, b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, "1000")
    assert again.headers["location"].endswith(begun.path.rpartition("/")[2])
    assert (await send(api, begun.path, 0, data)).status_code == 409
    told = (await api.call("GET", begun.path)).json()
    assert (told["status"], told["offset"], told["size"]) == ("ready", 1_000, 1_000)
    assert len((await api.call("GET", "/media")).json()["data"]) == 1


async def test_a_chunk_that_does_not_fit_is_refused_and_told_where_to_go_on(api):
    begun = await begin(api, 10)
    await send(api, begun.path, 0, b"12345")
    for offset in (0, 4, 6, 10, 99):
        refused = await send(api, begun.path, offset, b"67890")
        assert (refused.status_code, refused.json()["code"]) == (409, "offset_mismatch")
        assert (refused.headers["upload-offset"], refused.json()["offset"]) == ("5", 5)
    assert refused.headers["tus-resumable"] == "1.0.0"
    assert (await send(api, begun.path, 5, b"67890")).status_code == 204
    assert await content(api, begun.path) == b"1234567890"


async def test_more_bytes_than_were_promised_are_refused(api):
    begun = await begin(api, 10)
    assert (await send(api, begun.path, 0, b"12345678901")).status_code == 413

    async def unannounced():
        yield b"12345"
        yield b"678901"

    assert (await send(api, begun.path, 0, unannounced())).status_code == 413
    assert (await api.call("GET", begun.path.replace("uploads", "media"))).status_code == 404


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_chunk_with_another_checksum_is_discarded(api, algorithm):
    data = os.urandom(20_000)
    begun = await begin(api, len(data))
    for offset, piece in ((0, data[:12_000]), (12_000, data[12_000:])):
        digest = base64.b64encode(hashlib.new(algorithm, piece).digest()).decode()
        headers = {"Upload-Checksum": f"{algorithm} {digest}"}
        wrong = await send(api, begun.path, offset, b"\0" + piece[1:], headers=headers)
        assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
        head = await api.call("HEAD", begun.path, headers=TUS)
        assert head.headers["upload-offset"] == str(offset)
        assert (await send(api, begun.path, offset, piece, headers=headers)).status_code == 204
    assert await content(api, begun.path) == data
    assert (await medium(api, begun.path))["sha256"] == hashlib.sha256(data).hexdigest()


async def test_what_is_not_spoken_is_refused(api):
    for version in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = await api.call("POST", "/uploads", headers={**version, "Upload-Length": "3"})
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    begun = await begin(api, 3)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}
    assert (await api.call("PATCH", begun.path, content=b"abc", headers=headers)).status_code == 415
    assert (await send(api, begun.path, 0, b"abc", headers={"Upload-Checksum": "crc32 AAAA"})).status_code == 400
    assert (await send(api, begun.path, 0, b"abc", headers={"Upload-Offset": "-1"})).status_code == 400
    deferred = await api.call("POST", "/uploads", headers={**TUS, "Upload-Defer-Length": "1"})
    assert (deferred.status_code, "Upload-Length" in deferred.json()["detail"]) == (400, True)
    assert (await begin(api, 0)).status_code == 422
    assert (await begin(api, 6 << 30)).status_code == 413
    assert (await begin(api, 3, sha256="nothing")).status_code == 422


async def test_an_upload_can_be_given_up(api):
    begun = await begin(api, 10)
    await send(api, begun.path, 0, b"12345")
    assert (await api.call("DELETE", begun.path, headers=TUS)).status_code == 204
    for answer in (
        await api.call("HEAD", begun.path, headers=TUS),
        await send(api, begun.path, 5, b"67890"),
        await api.call("DELETE", begun.path, headers=TUS),
    ):
        assert answer.status_code == 404
    assert await leftovers(api) == []


async def test_clients_that_can_only_post_may_say_what_they_mean(api):
    begun = await begin(api, 3)
    headers = {**CHUNK, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await api.call("POST", begun.path, content=b"abc", headers=headers)).status_code == 204
    assert await content(api, begun.path) == b"abc"
    other = await begin(api, 3)
    delete = {**TUS, "X-HTTP-Method-Override": "DELETE"}
    garbled = ({"Upload-Offset": "4d"}, {"Upload-Checksum": "sha1 ?"})
    refused = [(await api.call("POST", other.path, headers={**delete, **more})).status_code for more in garbled]
    assert refused == [400, 400]
    assert (await api.call("POST", other.path, headers=delete)).status_code == 204, "it was still there"
    assert (await api.call("POST", other.path, headers=TUS)).status_code == 405


async def test_uploads_of_another_tenant_are_as_if_missing(api):
    begun = await begin(api, 3)
    assert (await api.call("HEAD", begun.path, api.other, headers=TUS)).status_code == 404
    assert (await send(api, begun.path, 0, b"abc", token=api.other)).status_code == 404
    assert (await api.call("DELETE", begun.path, api.other, headers=TUS)).status_code == 404
    assert (await api.call("GET", "/uploads", api.other)).json()["data"] == []
    assert (await api.call("HEAD", begun.path, headers=TUS)).status_code == 200


async def test_uploading_needs_leave_to_write_media(api):
    reader = await scoped(api, "media:read")
    assert (await begin(api, 3, reader)).status_code == 403
    begun = await begin(api, 3)
    assert (await send(api, begun.path, 0, b"abc", token=reader)).status_code == 403
    assert (await api.call("HEAD", begun.path, reader, headers=TUS)).status_code == 200


@pytest.mark.parametrize(
    ("promise", "field"),
    [({"sha256": "0" * 64}, "sha256"), ({"filetype": "image/png"}, "contentType")],
)  # fmt: skip
async def test_what_is_not_as_promised_is_removed(api, promise, field):
    begun = await begin(api, 5, **promise)
    refused = await send(api, begun.path, 0, b"hello")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{field}")
    assert (await api.call("HEAD", begun.path, headers=TUS)).status_code == 404
    assert (await api.call("GET", "/media")).json()["data"] == []
    assert await leftovers(api) == []


class Slow:
    """A request whose body comes when it is told to; `vanish` has its client go away."""

    def __init__(self, api, path: str, offset: int) -> None:
        self.chunks: asyncio.Queue[dict] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.sent: list[dict] = []
        headers = {"host": "t", "authorization": f"Bearer {api.token}", "upload-offset": str(offset)} | {
            name.lower(): value for name, value in CHUNK.items()
        }
        scope = {
            "type": "http", "http_version": "1.1", "method": "PATCH", "path": f"/api/v1{path}", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "client": ("::1", 1),
        }  # fmt: skip
        self.task = asyncio.create_task(api.app(scope, self._receive, self._send))

    async def _receive(self) -> dict:
        self.reading.set()
        return await self.chunks.get()

    async def _send(self, message: dict) -> None:
        self.sent.append(message)

    def comes(self, body: bytes) -> None:
        self.chunks.put_nowait({"type": "http.request", "body": body, "more_body": True})

    async def vanish(self) -> None:
        self.chunks.put_nowait({"type": "http.disconnect"})
        await self.task


async def test_a_client_that_vanishes_goes_on_where_it_was(api):
    data = os.urandom(2_500_000)
    begun = await begin(api, len(data))
    slow = Slow(api, begun.path, 0)
    for at in range(0, 1_500_000, 100_000):
        slow.comes(data[at : at + 100_000])
    await slow.vanish()
    head = await api.call("HEAD", begun.path, headers=TUS)
    assert head.headers["upload-offset"] == "1500000"
    assert (await send(api, begun.path, 1_500_000, data[1_500_000:])).status_code == 204
    assert await content(api, begun.path) == data
    assert (await medium(api, begun.path))["sha256"] == hashlib.sha256(data).hexdigest()


async def test_one_at_a_time_appends(api):
    begun = await begin(api, 10)
    slow = Slow(api, begun.path, 0)
    await asyncio.wait_for(slow.reading.wait(), 10)
    for answer in (
        await send(api, begun.path, 0, b"1234567890"),
        await api.call("DELETE", begun.path, headers=TUS),
    ):
        assert (answer.status_code, answer.json()["code"]) == (423, "locked")
        assert int(answer.headers["retry-after"]) >= 1
    assert (await api.call("HEAD", begun.path, headers=TUS)).headers["upload-offset"] == "0"
    slow.comes(b"12345")
    await slow.vanish()
    assert (await send(api, begun.path, 5, b"67890")).status_code == 204
    assert await content(api, begun.path) == b"1234567890"
