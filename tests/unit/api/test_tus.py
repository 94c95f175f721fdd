"""What no client can bring about by itself: a node that was cut off between the last byte and the medium."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from starlette.requests import Request

from gigaday.api.operation import Call
from gigaday.api.tus import Tus, speaking
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Growth
from gigaday.errors import BackendDown, Gone, Locked, NotFound
from gigaday.model.request import Principal
from gigaday.model.upload import KEPT_SECONDS
from tests.clocks import HandClock
from tests.unit.ops.test_upload_making import ID, PNG, Desk

ACME = Principal("t", "acme", frozenset(), "unlimited")


def call(method: str = "HEAD", body: bytes = b"", **headers: str) -> Call:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    scope = {"type": "http", "method": method, "path": "/", "headers": raw, "query_string": b""}
    return Call(Request(scope, receive), ACME, {"id": ID}, "new")


def chunk(offset: int, body: bytes) -> Call:
    kind = "application/offset+octet-stream"
    return call("PATCH", body, tus_resumable="1.0.0", content_type=kind, upload_offset=str(offset))


@pytest.fixture
async def desk(tmp_path: Path):
    store = SqliteStore.open(tmp_path / "t.sqlite")
    desk = Desk(store, tmp_path / "objects", HandClock(1_800_000_000.0))
    desk.tus = Tus(desk.uploads, desk.objects, desk.making, desk.digests, 1.0)
    yield desk
    await store.close()


async def test_a_client_that_only_asks_how_far_it_is_gets_its_medium_all_the_same(desk):
    document = await desk.upload()
    desk.records.fails = "before"
    with pytest.raises(BackendDown):
        await desk.finish(document)
    desk.records.fails = ""
    answer = await speaking(desk.tus.status)(call(tus_resumable="1.0.0"))
    assert (answer.headers["upload-offset"], answer.headers["tus-resumable"]) == (str(len(PNG)), "1.0.0")
    made = await desk.uploads.made("acme", ID)
    assert made is not None and made["size"] == len(PNG)


async def test_it_is_not_told_that_all_is_there_while_that_is_not_sure(desk):
    document = await desk.upload()
    async with desk.uploads.hold(document):
        with pytest.raises(Locked):
            await desk.tus.status(call())


async def test_nothing_sent_from_the_last_offset_makes_the_medium_too(desk):
    await desk.upload()
    answer = await desk.tus.append(chunk(len(PNG), b""))
    assert (answer.status_code, answer.headers["location"]) == (204, f"/api/v1/media/{ID}")


async def test_an_upload_expires_a_day_after_it_was_last_gone_on_with(desk):
    await desk.begin(b"0123456789")
    desk.clock.time += KEPT_SECONDS - 1
    assert (await desk.tus.append(chunk(0, b"01234"))).status_code == 204
    desk.clock.time += KEPT_SECONDS - 1
    assert (await desk.tus.status(call())).headers["upload-offset"] == "5"
    desk.clock.time += 2
    for refused in (desk.tus.status(call()), desk.tus.append(chunk(5, b"56789"))):
        with pytest.raises(Gone):
            await refused


async def test_an_upload_of_which_nothing_is_left_ends(desk):
    document = await desk.begin(b"0123456789")
    await desk.objects.abandon(convert(document["growth"], Growth))
    with pytest.raises(Gone):
        await desk.tus.append(chunk(0, b"01234"))
    assert await desk.record() is None
    assert await desk.quota.used("acme") == 0


async def test_errors_tell_the_version_too(desk):
    with pytest.raises(NotFound) as missing:
        await speaking(desk.tus.status)(call())
    assert missing.value.headers["Tus-Resumable"] == "1.0.0"
