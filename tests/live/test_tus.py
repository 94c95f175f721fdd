"""Resumable uploads over real connections that really break: by the official client, and cut at random points."""

import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.conftest import production
from tests.api.test_media import png
from tests.servers import missing, until
from tests.servers.node import Node

JS = Path(__file__).parents[1] / "js"
TUS = {"Tus-Resumable": "1.0.0"}
CUTS = 100


@pytest.fixture(params=["embedded", "production"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path / "data")}
    if request.param == "production":
        environ |= production(*(request.getfixturevalue(name) for name in ("replica_set", "swift", "redis_cluster")))
    node = Node(environ, tmp_path / "node.log").start()
    assert node.cli("tenants", "create", "acme", "--plan", "unlimited").returncode == 0
    yield node
    node.kill()


@pytest.fixture
def client(node: Node) -> Iterator[httpx.Client]:
    token = json.loads(node.cli("tokens", "create", "acme").stdout)["secret"]
    with httpx.Client(base_url=node.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        yield client


def begin(client: httpx.Client, size: int) -> str:
    answer = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(size)})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def offset(client: httpx.Client, path: str) -> int:
    answer = client.head(path, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def stored(client: httpx.Client, path: str) -> bytes:
    return client.get(path.replace("/uploads/", "/media/") + "/content").content


class Cut:
    """A PATCH that announces all that is left of `data`, and whose connection is broken after a part of it."""

    def __init__(self, client: httpx.Client, path: str, data: bytes) -> None:
        self._address = urlsplit(str(client.base_url))
        self._token, self._path, self._data = client.headers["authorization"], path, data

    def send(self, start: int, size: int, *, abruptly: bool) -> None:
        head = (
            f"PATCH {self._path} HTTP/1.1\r\nHost: t\r\nAuthorization: {self._token}\r\nTus-Resumable: 1.0.0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {start}\r\n"
            f"Content-Length: {len(self._data) - start}\r\n\r\n"
        )
        with socket.create_connection((self._address.hostname, self._address.port), timeout=10) as connection:
            if abruptly:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):  # refused before it was read: another connection's bytes are still being kept
                connection.sendall(head.encode() + self._data[start : start + size])


def finish(client: httpx.Client, path: str, data: bytes) -> httpx.Response:
    """The rest, from wherever the upload has come to; again while another connection still has it."""
    answers: list[httpx.Response] = []

    def is_let_go() -> bool:
        at = offset(client, path)
        kind = "application/offset+octet-stream"
        headers = {**TUS, "Content-Type": kind, "Upload-Offset": str(at)}
        answers.append(client.patch(path, content=data[at:], headers=headers))
        return answers[-1].status_code not in (409, 423)

    until(is_let_go, 30, "the upload is never let go", retried=httpx.TransportError)
    return answers[-1]


@pytest.mark.live
@pytest.mark.timeout(180)
def test_an_upload_that_is_cut_at_a_hundred_random_points_has_the_same_bytes(client: httpx.Client) -> None:
    chance = random.Random(1124)
    data = chance.randbytes(12_345_678)
    path = begin(client, len(data))
    cut, gone_back = Cut(client, path, data), 0
    before = 0
    for _ in range(CUTS):
        at = offset(client, path)
        gone_back += at < before
        before = at
        cut.send(at, chance.randint(0, 2 * (len(data) - at) // CUTS), abruptly=chance.random() < 0.5)
    assert gone_back == 0
    answer = finish(client, path, data)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(data)))
    assert stored(client, path) == data
    medium = client.get(path.replace("/uploads/", "/media/")).json()
    assert medium["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.live
@pytest.mark.timeout(180)
def test_a_node_that_is_killed_midway_loses_no_byte_that_it_said_was_kept(node: Node, client: httpx.Client) -> None:
    data = random.Random(7).randbytes(48 << 20)
    path = begin(client, len(data))
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    kind = "application/offset+octet-stream"
    connection.putrequest("PATCH", path)
    for name, value in {**TUS, "Authorization": client.headers["authorization"], "Content-Type": kind,
                        "Upload-Offset": "0", "Content-Length": str(len(data))}.items():  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(data[: 40 << 20])
    until(lambda: offset(client, path), 30, "nothing is ever kept", retried=httpx.TransportError)
    kept = offset(client, path)
    node.kill()
    node.start()
    assert offset(client, path) >= kept
    assert client.get(path.replace("/uploads/", "/media/")).status_code == 404
    assert finish(client, path, data).status_code == 204
    assert stored(client, path) == data


def tus_js(*arguments: str) -> dict:
    """What the official client has to say."""
    if shutil.which("node") is None:
        missing("node is not installed (scripts/servers installs it)")
    if not (JS / "node_modules" / "tus-js-client").is_dir():
        missing("tus-js-client is not installed (scripts/clients installs it)")
    command = ["node", str(JS / "upload.mjs"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.live
def test_the_official_client_uploads_a_picture_and_resumes_where_it_was_cut(
    client: httpx.Client, tmp_path: Path
) -> None:
    picture = tmp_path / "stühle.png"
    data = png(640, 480) + os.urandom(700_000)
    picture.write_bytes(data)
    token = client.headers["authorization"].removeprefix("Bearer ")
    cuts = (70_000, 300_000, 600_000)
    told = tus_js(str(client.base_url.join("/api/v1/uploads")), token, str(picture), "image/png",
                  ",".join(map(str, cuts)))  # fmt: skip
    assert told["done"]
    assert [sent >= cut for sent, cut in zip(told["resumed"], cuts, strict=True)] == [True] * 3
    path = urlsplit(told["url"]).path
    medium = client.get(path.replace("/uploads/", "/media/")).json()
    assert (medium["filename"], medium["contentType"], medium["width"]) == ("stühle.png", "image/png", 640)
    assert stored(client, path) == data


@pytest.mark.live
def test_the_official_client_is_told_where_a_file_is_not_what_it_says(client: httpx.Client, tmp_path: Path) -> None:
    page = tmp_path / "a.png"
    page.write_bytes(b"<!doctype html><script>x</script>")
    token = client.headers["authorization"].removeprefix("Bearer ")
    with pytest.raises(AssertionError, match="422"):
        tus_js(str(client.base_url.join("/api/v1/uploads")), token, str(page), "image/png")
    assert client.get("/api/v1/media").json()["data"] == []
