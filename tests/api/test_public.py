"""Published catalogues, through the whole pipeline."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import Api, running
from tests.api.test_files import publish

ACME = "/api/v1/public/acme/products"


@pytest.fixture
async def published(api: Api) -> Api:
    await publish(api)
    return api


@pytest.fixture
async def behind_a_cdn(tmp_path: Path) -> AsyncIterator[Api]:
    """With a CDN set whose edge is not there: nothing waits for it."""
    cdn = {"CDN_ENDPOINT": "https://cdn.example.com", "CDN_PURGE_URLS": "http://127.0.0.1:9"}
    async with running({"GIGADAY_DATA_DIR": str(tmp_path), **cdn}) as api:
        await publish(api)
        yield api


async def get(api: Api, path: str, **headers: str) -> httpx.Response:
    return await api.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_bodies_are_those_of_the_routes_with_a_token(published: Api) -> None:
    product = await published.product(status="active", price={"amount": 4900, "currency": "EUR"})
    assert (await get(published, f"{ACME}/{product['_id']}")).json() == product
    listed = await get(published, f"{ACME}?limit=5&sort=-createdAt")
    assert listed.json() == (await published.call("GET", "/products?limit=5&sort=-createdAt")).json()
    chosen = await get(published, f"{ACME}/{product['_id']}?fields=name")
    assert chosen.json() == {"_id": product["_id"], "name": "Bar stool"}


async def test_what_is_not_active_is_not_there(published: Api) -> None:
    shown = await published.product(status="active", name="shown")
    hidden = await published.product(status="draft", name="hidden")
    assert [item["_id"] for item in (await get(published, ACME)).json()["data"]] == [shown["_id"]]
    assert (await get(published, f"{ACME}?status=draft")).json()["data"] == []
    missing = await get(published, f"{ACME}/{'0' * 26}")
    answer = await get(published, f"{ACME}/{hidden['_id']}")
    assert answer.status_code == 404
    assert {**answer.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


async def test_what_becomes_active_is_there_at_once_and_gone_as_soon(published: Api) -> None:
    product = await published.product(status="draft")
    for status, expected in (("draft", 404), ("active", 200), ("archived", 404)):
        await published.call("PATCH", f"/products/{product['_id']}", json={"status": status})
        assert (await get(published, f"{ACME}/{product['_id']}")).status_code == expected
        assert len((await get(published, ACME)).json()["data"]) == (expected == 200)


async def test_pages_follow_one_another(published: Api) -> None:
    made = [(await published.product(status=status))["_id"] for status in ("active", "draft") * 4]
    found, cursor = [], ""
    while cursor is not None:
        page = (await get(published, f"{ACME}?limit=3" + (f"&cursor={cursor}" if cursor else ""))).json()
        found += [item["_id"] for item in page["data"]]
        cursor = page["next"]
    assert found == made[::2]


async def test_who_does_not_publish_is_as_one_who_does_not_exist(api: Api) -> None:
    product = await api.product(status="active")
    for path in ("", f"/{product['_id']}"):
        private, missing = await get(api, ACME + path), await get(api, f"/api/v1/public/nobody/products{path}")
        assert (private.status_code, missing.status_code) == (404, 404)
        assert {**private.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


async def test_unpublishing_and_suspending_take_effect_at_once(published: Api) -> None:
    await published.product(status="active")
    assert (await get(published, ACME)).status_code == 200
    await publish(published, {"publish": False})
    assert (await get(published, ACME)).status_code == 404
    await publish(published)
    assert (await get(published, ACME)).status_code == 200
    suspended = await published.http.patch(
        "/api/v1/admin/tenants/acme", json={"status": "suspended"}, headers=published.as_(published.operator)
    )
    assert suspended.status_code == 200, suspended.text
    assert (await get(published, ACME)).status_code == 404


async def test_a_token_changes_nothing(published: Api) -> None:
    await published.product(status="active")
    plain = await get(published, ACME)
    for token in (published.other, published.token, "gd_live_wrong"):
        answer = await get(published, ACME, authorization=f"Bearer {token}")
        assert (answer.status_code, answer.content) == (200, plain.content)
        assert answer.headers["ratelimit-policy"].startswith('"delivery"')


async def test_no_header_shapes_what_others_get(published: Api) -> None:
    await published.product(status="active")
    poison = {
        "x_forwarded_host": "evil.test",
        "x_original_url": "/admin",
        "range": "bytes=0-1",
        "origin": "https://e.test",
    }
    first = await get(published, ACME, **poison)
    assert (await get(published, ACME)).content == first.content
    assert "evil" not in first.text


async def test_every_encoding_has_its_own_tag_and_the_same_text(published: Api) -> None:
    for _ in range(20):
        await published.product(status="active", description="Oak. " * 50)
    seen = [await get(published, ACME, accept_encoding=encoding) for encoding in ("gzip", "br", "zstd", "identity")]
    assert len({answer.headers["etag"] for answer in seen}) == 4
    assert len({answer.text for answer in seen[:2] + seen[3:]}) == 1
    assert all("accept-encoding" in answer.headers["vary"].lower() for answer in seen)


async def test_without_a_cdn_caches_ask_each_time_and_get_304(published: Api) -> None:
    await published.product(status="active")
    answer = await get(published, ACME)
    assert answer.headers["cache-control"] == "public, no-cache"
    assert "surrogate-key" not in answer.headers
    assert (await get(published, ACME, if_none_match=answer.headers["etag"])).status_code == 304


async def test_a_cdn_is_told_how_long_and_under_which_tags(behind_a_cdn: Api) -> None:
    product = await behind_a_cdn.product(status="active")
    for path, tag in ((ACME, "acme/products/"), (f"{ACME}/{product['_id']}", f"acme/products/{product['_id']}")):
        headers = (await get(behind_a_cdn, path)).headers
        assert headers["cache-control"] == "public, s-maxage=3600, stale-while-revalidate=60"
        assert {tag, "acme/products", "acme", "operator/tenants/acme", "*"} <= set(headers["surrogate-key"].split())
    assert "public" not in (await get(behind_a_cdn, f"{ACME}/{'0' * 26}")).headers.get("cache-control", "")
    told = await behind_a_cdn.call("GET", "/products")
    assert "private" in told.headers["cache-control"] and "surrogate-key" not in told.headers


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_nothing_can_be_written_there(published: Api, method: str) -> None:
    answer = await published.http.request(method, ACME, json={"name": "x"})
    assert answer.status_code == 405
