"""Media by links, through the whole pipeline: who may follow which, and what caches are told."""

import hashlib
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import Api

TEXT = b"Oak, three legs.\n" * 100


async def upload(api: Api, content: bytes = TEXT, name: str = "stühle.txt", token: str | None = None) -> dict[str, Any]:
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    answer = await api.call(
        "POST", "/media", token, content=content,
        headers={"content-type": "application/octet-stream", "content-disposition": disposition},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def path_of(medium: dict[str, Any], **changes: str) -> str:
    parts = {"tenant": medium["createdBy"], "id": medium["_id"], "sha256": medium["sha256"],
             "filename": medium["filename"], **changes}  # fmt: skip
    return "/files/" + "/".join(quote(part, safe="") for part in parts.values())


async def publish(api: Api, settings: dict[str, Any] | None = None) -> None:
    answer = await api.call("PATCH", "/tenant", json={"settings": settings or {"publish": True}})
    assert answer.status_code == 200, answer.text


async def link(api: Api, medium: dict[str, Any], **asked: Any) -> str:
    answer = await api.call("POST", f"/media/{medium['_id']}/links", json=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


async def fetch(api: Api, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return await api.http.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})


async def test_a_signed_link_opens_the_original_without_a_token(api: Api) -> None:
    medium = await upload(api)
    answer = await fetch(api, await link(api, medium))
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["etag"] == f'"{hashlib.sha256(TEXT).hexdigest()}"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "filename*=UTF-8''st%C3%BChle.txt" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_caches_may_keep_it_for_as_long_as_the_link_holds(api: Api) -> None:
    medium = await upload(api)
    told = (await fetch(api, await link(api, medium, expiresIn=60))).headers["cache-control"]
    public, age, immutable, _ = told.split(", ")
    assert (public, immutable) == ("public", "immutable")
    assert 60 <= int(age.removeprefix("max-age=")) <= 3_660
    await publish(api)
    assert "max-age=31536000" in (await fetch(api, path_of(medium))).headers["cache-control"]


async def test_links_made_within_an_hour_are_one(api: Api) -> None:
    medium = await upload(api)
    assert len({await link(api, medium) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link.replace("/acme/", "/other/"),
        lambda link: link.replace(".txt", ".html"),
        lambda link: link.replace("expires=", "expires=9"),
        lambda link: link + "&w=100",
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "B"),
    ],
)
async def test_a_tampered_link_is_refused(api: Api, change: Any) -> None:
    answer = await fetch(api, change(await link(api, await upload(api))))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "public" not in answer.headers.get("cache-control", "")


async def test_without_a_link_a_private_medium_is_as_one_that_is_not_there(api: Api) -> None:
    medium = await upload(api)
    missing = path_of(medium, id="0" * 26)
    answers = [await fetch(api, path) for path in (path_of(medium), missing, path_of(medium, tenant="nobody"))]
    told = [{**answer.json(), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert told[0] == told[1] == told[2]


async def test_a_token_opens_nothing_there(api: Api) -> None:
    medium = await upload(api)
    assert (await fetch(api, path_of(medium), authorization=f"Bearer {api.token}")).status_code == 404


async def test_what_a_tenant_publishes_is_there_for_anyone_until_it_no_longer_does(api: Api) -> None:
    medium = await upload(api)
    await publish(api)
    assert (await fetch(api, path_of(medium))).content == TEXT
    assert await link(api, medium) == path_of(medium), "which then is the link as well"
    await publish(api, {"publish": False})
    assert (await fetch(api, path_of(medium))).status_code == 404


@pytest.mark.parametrize("settings", [{}, {"publish": "yes"}, {"publish": 1}])
async def test_only_true_publishes(api: Api, settings: dict[str, Any]) -> None:
    medium = await upload(api)
    answer = await api.call("PATCH", "/tenant", json={"settings": settings})
    assert answer.status_code in (200, 422)
    assert (await fetch(api, path_of(medium))).status_code == 404


async def test_other_bytes_are_another_path(api: Api) -> None:
    medium = await upload(api)
    await publish(api)
    assert (await fetch(api, path_of(medium, sha256="0" * 64))).status_code == 404


async def test_a_renamed_file_has_one_path_and_old_ones_lead_to_it(api: Api) -> None:
    medium = await upload(api)
    await publish(api)
    renamed = (await api.call("PATCH", f"/media/{medium['_id']}", json={"filename": "stool.txt"})).json()
    moved = await fetch(api, path_of(medium))
    assert (moved.status_code, moved.headers["location"]) == (308, path_of(renamed))
    assert "no-store" in moved.headers["cache-control"]


async def test_nobody_can_fill_caches_or_have_renderings_made_without_a_signature(api: Api) -> None:
    medium = await upload(api)
    await publish(api)
    for query in ("w=100", "x=1", "preset=small&w=1", "format=webp"):
        assert (await fetch(api, f"{path_of(medium)}?{query}")).status_code == 403
    assert (await fetch(api, f"{path_of(medium)}?preset=nothing")).status_code == 404


async def test_a_deleted_medium_is_delivered_no_more(api: Api) -> None:
    medium = await upload(api)
    opened = await link(api, medium)
    await api.call("DELETE", f"/media/{medium['_id']}")
    assert (await fetch(api, opened)).status_code == 404


async def test_ranges_conditions_and_head_are_as_of_any_file(api: Api) -> None:
    path = await link(api, await upload(api))
    whole = await fetch(api, path)
    assert (await fetch(api, path, range="bytes=-5")).content == TEXT[-5:]
    assert (await fetch(api, path, range="bytes=0-1,5-6")).headers["content-type"].startswith("multipart/byteranges")
    assert (await fetch(api, path, if_none_match=whole.headers["etag"])).status_code == 304
    head = await fetch(api, path, "HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(TEXT)))
    assert (await fetch(api, path, "POST")).status_code == 405


async def test_visitors_are_limited_by_address_and_apart_from_callers(api: Api) -> None:
    answer = await fetch(api, await link(api, await upload(api)))
    assert answer.headers["ratelimit-policy"].startswith('"delivery"')


async def test_no_tags_are_told_where_there_is_no_cdn(api: Api) -> None:
    assert "surrogate-key" not in (await fetch(api, await link(api, await upload(api)))).headers
