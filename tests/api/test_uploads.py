"""What all uploads have in common: room, listing, pages of other origins."""

import os

import httpx
import pytest

from tests.api.conftest import running
from tests.api.test_tus import TUS, begin, send


async def free(api) -> str:
    """A token of a tenant on the free plan, which has room for 1 GiB and files of 32 MiB."""
    await api.app.tenancy.create_tenant("free", "Free", plan="free")
    return (await api.app.tenancy.create_token("free", "test"))[1]


async def test_uploads_under_way_are_listed(api):
    first = await begin(api, 10, filename="a.txt")
    await begin(api, 20, filename="b.txt")
    await send(api, first.path, 0, b"12345")
    listed = (await api.call("GET", "/uploads?sort=createdAt")).json()["data"]
    assert [(item["filename"], item["offset"], item["size"]) for item in listed] == [("a.txt", 5, 10), ("b.txt", 0, 20)]
    assert not {"storageKey", "growth", "holder", "heldUntil", "metadata"} & listed[0].keys()
    one = (await api.call("GET", first.path)).json()
    assert (one["offset"], one["status"], one["kind"]) == (5, "pending", "tus")


async def test_a_plan_has_room_for_so_many_bytes(api):
    token = await free(api)
    begun = [await begin(api, 32 << 20, token) for _ in range(32)]
    assert {answer.status_code for answer in begun} == {201}
    full = await begin(api, 1, token)
    assert (full.status_code, full.json()["code"]) == (413, "quota_exceeded")
    assert (full.json()["limit"], full.json()["used"]) == (1 << 30, 1 << 30)
    assert (await api.call("DELETE", begun[0].path, token, headers=TUS)).status_code == 204
    assert (await begin(api, 32 << 20, token)).status_code == 201
    assert (await begin(api, (32 << 20) + 1, token)).json()["code"] == "body_too_large"


async def test_the_same_bytes_again_take_no_more_room(api):
    data = os.urandom(1_000)
    for _ in range(2):
        begun = await begin(api, len(data))
        assert (await send(api, begun.path, 0, data)).status_code == 204
    media = (await api.call("GET", "/media")).json()["data"]
    assert [item["size"] for item in media] == [1_000, 1_000]
    for item in media:
        assert (await api.call("GET", f"/media/{item['_id']}/content")).content == data


@pytest.fixture
async def shared(tmp_path):
    environ = {"GIGADAY_DATA_DIR": str(tmp_path), "GIGADAY_CORS_ORIGINS": "https://shop.test, https://b.test"}
    async with running(environ) as api:
        yield api


async def test_a_page_of_an_allowed_origin_may_upload(shared):
    asked = {"Origin": "https://shop.test", "Access-Control-Request-Method": "PATCH",
             "Access-Control-Request-Headers": "authorization,tus-resumable,upload-offset"}  # fmt: skip
    preflight = await shared.http.options("/api/v1/uploads/x", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "https://shop.test")
    assert "ratelimit" not in preflight.headers
    spoken = await shared.http.options("/api/v1/uploads", headers={"Origin": "https://shop.test"})
    assert spoken.headers["tus-version"] == "1.0.0"
    answer = await shared.call("POST", "/uploads", headers={**TUS, "Origin": "https://b.test", "Upload-Length": "3"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (201, "https://b.test")
    assert "Upload-Offset" in answer.headers["access-control-expose-headers"]
    # What is refused can be read by the page, too, and what the cache answers.
    refused = await shared.http.get("/api/v1/media", headers={"Origin": "https://shop.test"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://shop.test")
    for _ in range(3):
        listed = await shared.call("GET", "/products", headers={"Origin": "https://shop.test"})
        assert listed.headers["access-control-allow-origin"] == "https://shop.test"
        assert "Origin" in ", ".join(listed.headers.get_list("vary"))


async def test_without_the_setting_no_page_may(api):
    asked = {"Origin": "https://shop.test", "Access-Control-Request-Method": "PATCH"}
    answer: httpx.Response = await api.http.options("/api/v1/uploads", headers=asked)
    assert "access-control-allow-origin" not in answer.headers
