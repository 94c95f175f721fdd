"""Uploads that pass the node by: signed requests to a real S3 server, and the commit that looks at what has come."""

import hashlib
import os

import httpx
import pytest

from gigaday.rules.parts import SINGLE_BYTES
from tests.api.conftest import Api, production, running
from tests.api.test_media import png


@pytest.fixture
async def embedded(tmp_path):
    async with running({"GIGADAY_DATA_DIR": str(tmp_path)}) as api:
        yield api


@pytest.fixture
async def direct(request, tmp_path):
    """The API on MongoDB, Swift's S3 and Redis."""
    servers = (request.getfixturevalue(name) for name in ("replica_set", "swift", "redis_cluster"))
    async with running({"GIGADAY_DATA_DIR": str(tmp_path), **production(*servers)}) as api:
        yield api


def promise(data: bytes, kind: str = "image/png", **more) -> dict:
    sha256 = hashlib.sha256(data).hexdigest()
    return {"filename": "a.png", "size": len(data), "sha256": sha256, "contentType": kind, **more}


async def begin(api: Api, data: bytes, kind: str = "image/png", **more) -> dict:
    answer = await api.call("POST", "/uploads/presigned", json=promise(data, kind), **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def store(signed: dict, data: bytes) -> int:
    """The status of the signed request with this body, which is sent whole whatever size was signed for."""
    headers = {**signed["headers"], "content-length": str(len(data))}
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.request(signed["method"], signed["url"], content=data, headers=httpx.Headers(headers))
        return answer.status_code


async def commit(api: Api, upload: dict, **more) -> httpx.Response:
    return await api.call("POST", upload["commit"].removeprefix("/api/v1"), **more)


async def test_files_that_lie_with_the_node_are_sent_to_it(embedded):
    answer = await embedded.call("POST", "/uploads/presigned", json=promise(b"x"))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_direct_uploads")
    assert answer.json()["uploads"] == "/api/v1/uploads"


@pytest.mark.live
@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"sha256": "x"}, {"contentType": "png"}, {"filename": "../a"}, {"more": 1}]
)
async def test_a_promise_that_means_nothing_is_refused(direct, wrong):
    answer = await direct.call("POST", "/uploads/presigned", json={**promise(b"x"), **wrong})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 1)


@pytest.mark.live
async def test_a_file_stored_by_one_signed_request_becomes_a_medium(direct):
    data = png(80, 60)
    upload = await begin(direct, data)
    assert upload["kind"] == "put" and "parts" not in upload
    early = await commit(direct, upload)
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    assert await store(upload["put"], data) in (200, 201)
    made = await commit(direct, upload)
    assert made.status_code == 201, made.text
    assert (made.json()["_id"], made.json()["width"]) == (upload["_id"], 80)
    again = await commit(direct, upload)
    assert (again.status_code, again.json()) == (201, made.json())
    assert (await direct.call("GET", f"/media/{upload['_id']}/content")).content == data
    assert (await direct.call("GET", "/uploads")).json()["data"] == []


@pytest.mark.live
async def test_a_large_file_goes_in_parts_in_any_order(direct):
    data = os.urandom(1 << 20) * ((SINGLE_BYTES >> 20) + 1)
    upload = await begin(direct, data, "application/x-disk")
    assert upload["kind"] == "parts" and sum(part["size"] for part in upload["parts"]) == len(data)
    path = upload["sign"].removeprefix("/api/v1")
    numbers = [part["number"] for part in reversed(upload["parts"])]
    signed = (await direct.call("POST", path, json={"parts": [{"number": n} for n in numbers]})).json()["parts"]
    offsets = {part["number"]: part["offset"] for part in upload["parts"]}
    for at, part in enumerate(signed):
        if at == len(signed) - 1:
            refused = await commit(direct, upload)
            assert (refused.status_code, refused.json()["missing"]) == (409, [part["number"]])
        offset = offsets[part["number"]]
        assert await store(part, data[offset : offset + part["size"]]) in (200, 201)
    made = await commit(direct, upload)
    assert made.status_code == 201, made.text
    assert (made.json()["size"], made.json()["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    beyond = await direct.call("POST", path, json={"parts": [{"number": len(numbers) + 1}]})
    assert beyond.status_code == 404  # it is a medium now


@pytest.mark.live
async def test_bytes_unlike_the_promise_never_become_a_medium(direct):
    html = b"<!doctype html><script>alert(1)</script>"
    upload = await begin(direct, html)  # as image/png
    assert await store(upload["put"], html) in (200, 201)
    refused = await commit(direct, upload)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/contentType")
    assert (await commit(direct, upload)).status_code == 404
    assert (await direct.call("GET", f"/media/{upload['_id']}")).status_code == 404
    assert (await direct.call("GET", "/media")).json()["data"] == []


@pytest.mark.live
async def test_the_store_refuses_other_bytes_than_were_signed_for(direct):
    data = png(20, 20)
    upload = await begin(direct, data)
    assert await store(upload["put"], data[:-1] + b"x") >= 400
    assert await store(upload["put"], data + b"x") >= 400
    assert (await commit(direct, upload)).status_code == 409


@pytest.mark.live
async def test_beginning_and_committing_can_be_repeated_under_their_keys(direct):
    data = png(21, 20)
    key = {"Idempotency-Key": "begin-1"}
    first, second = [await begin(direct, data, headers=key) for _ in range(2)]
    assert first["_id"] == second["_id"]
    await store(first["put"], data)
    answers = [await commit(direct, first, headers={"Idempotency-Key": "commit-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = await direct.call("POST", "/uploads/presigned", json=promise(b"other"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.live
async def test_an_upload_to_the_store_can_be_given_up(direct):
    data = png(22, 20)
    upload = await begin(direct, data)
    assert (await direct.call("GET", f"/uploads/{upload['_id']}")).json()["offset"] is None
    await store(upload["put"], data)
    assert (await direct.call("DELETE", f"/uploads/{upload['_id']}")).status_code == 204
    assert (await commit(direct, upload)).status_code == 404
