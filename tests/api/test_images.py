"""Images rendered on request, over the embedded back ends and the real servers."""

import asyncio
import time
from urllib.parse import quote, urlencode

import pytest

from gigaday.compose.services import pepper_of
from gigaday.contracts import ImageSpec
from gigaday.rules import image_spec, links
from tests import pictures
from tests.pictures import near

AVIF, WEBP = "image/avif,image/webp,*/*", "image/webp,*/*"


async def upload(api, content: bytes, name: str = "bar stool.png") -> dict:
    answer = await api.call("POST", "/media", content=content, headers={"X-Filename": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def image(api, medium: dict, query: str = "preset=thumb", method: str = "GET", **more):
    return await api.call(method, f"/media/{medium['_id']}/image?{query}", **more)


def photograph() -> bytes:
    return pictures.oriented(1200, 800, 6)


@pytest.mark.parametrize(("accept", "kind", "extension"), [
    (AVIF, "image/avif", "avif"), (WEBP, "image/webp", "webp"), ("*/*", "image/jpeg", "jpg"),
])  # fmt: skip
async def test_a_preset_comes_in_the_best_format_that_the_client_takes(api, accept, kind, extension):
    medium = await upload(api, photograph(), "bar stool.jpg")
    answer = await image(api, medium, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind), answer.text
    seen = pictures.opened(answer.content)
    assert (seen.width, seen.height) == (160, 160) and near(seen(5, 5), pictures.RED, 40)
    assert "accept" in answer.headers["vary"].lower()
    assert answer.headers["content-disposition"] == f'inline; filename="bar stool.{extension}"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_the_client_has_is_not_sent_again(api):
    medium = await upload(api, photograph())
    first = await image(api, medium)
    again = await image(api, medium, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await image(api, medium, headers={"If-None-Match": first.headers["etag"], "Accept": AVIF})
    assert other.status_code == 200
    head = await image(api, medium, method="HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", first.headers["content-length"])
    part = await image(api, medium, headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, first.content[-5:])


async def test_what_the_tenant_names_is_a_preset(api):
    medium = await upload(api, photograph())
    unknown = await image(api, medium, "preset=hero")
    assert (unknown.status_code, unknown.json()["code"], "thumb" in unknown.json()["detail"]) == (
        404,
        "not_found",
        True,
    )
    settings = {"presets": {"hero": {"width": 300, "height": 100, "format": "png", "focus": {"x": 1, "y": 1}}}}
    changed = await api.call("PATCH", "/tenant", json={"settings": settings},
                             headers={"If-Match": (await api.call("GET", "/tenant")).headers["etag"]})  # fmt: skip
    assert changed.status_code == 200, changed.text
    answer = await image(api, medium, "preset=hero")
    assert answer.headers["content-type"] == "image/png" and "vary" not in answer.headers.get("vary", "").lower()
    assert pictures.opened(answer.content).width == 300
    assert (await image(api, medium, "preset=hero", token=api.other)).status_code == 404


async def test_a_preset_that_is_none_is_not_kept(api):
    etag = (await api.call("GET", "/tenant")).headers["etag"]
    wrong = {"presets": {"hero": {"width": 0, "colour": 1}}}
    answer = await api.call("PATCH", "/tenant", json={"settings": wrong}, headers={"If-Match": etag})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {
        "/settings/presets/hero/width", "/settings/presets/hero/colour",
    }  # fmt: skip


def signed(api, medium: dict, **query: str) -> str:
    """A query as a link to the medium has it."""
    path = links.path(medium["createdBy"], medium["_id"], medium["sha256"], medium["filename"])
    key = links.key_of(pepper_of(api.app._settings))
    return links.sign(path, query.items(), key, expires=int(time.time()) + 3600).partition("?")[2]


async def test_any_size_needs_a_signature(api):
    medium = await upload(api, photograph())
    query = {"w": "123", "h": "77", "fit": "fill", "format": "webp", "q": "50", "dpr": "2"}
    refused = await image(api, medium, urlencode(query))
    assert (refused.status_code, "thumb" in refused.json()["detail"]) == (403, True)
    answer = await image(api, medium, signed(api, medium, **query))
    assert answer.status_code == 200, answer.text
    seen = pictures.opened(answer.content)
    assert (seen.width, seen.height) == (246, 154)
    for tampered in (signed(api, medium, **query).replace("w=123", "w=124"), signed(api, medium, **query) + "&fx=0"):
        assert (await image(api, medium, tampered)).status_code == 403


async def test_what_a_signature_cannot_mend_is_named(api):
    medium = await upload(api, photograph())
    answer = await image(api, medium, signed(api, medium, w="0", fit="zoom"))
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (400, ["?fit", "?w"])


async def test_a_medium_of_another_is_no_medium(api):
    medium = await upload(api, photograph())
    assert (await image(api, medium, token=api.other)).status_code == 404
    assert (await image(api, {"_id": "x"})).status_code == 404
    assert (await image(api, medium, "")).status_code == 403


@pytest.mark.parametrize(("content", "status"), [
    (b"plain text", 415), (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415),
    (b"%PDF-1.4", 415), (pictures.bomb_png(), 422), (pictures.bomb_gif(), 422), (photograph()[:2_000], 422),
    (pictures.png(pictures.plain(90, 90))[:-30], 422), (b"\xff\xd8\xff\xe0" + b"\0" * 900, 422),
])  # fmt: skip
async def test_what_cannot_be_rendered_says_why(api, content, status):
    medium = await upload(api, content)
    for _ in range(2):
        answer = await image(api, medium)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    good = await upload(api, pictures.png(pictures.plain(9, 9)))
    assert (await image(api, good)).status_code == 200


async def test_a_polyglot_comes_out_as_a_picture_alone(api):
    medium = await upload(api, pictures.polyglot(photograph()), "a.html")
    answer = await image(api, medium)
    assert answer.status_code == 200 and b"<script" not in answer.content


async def test_many_who_ask_at_once_get_the_same(api):
    medium = await upload(api, photograph())
    answers = await asyncio.gather(*(image(api, medium, f"preset={name}") for name in ("thumb", "small") * 20))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) == 2


async def test_a_deleted_medium_has_no_pictures(api):
    medium = await upload(api, photograph())
    assert (await image(api, medium)).status_code == 200
    assert (await api.call("DELETE", f"/media/{medium['_id']}")).status_code == 204
    assert (await image(api, medium)).status_code == 404


async def test_a_name_in_any_script_stays(api):
    medium = await upload(api, photograph(), quote("стул 椅子.jpeg"))
    answer = await image(api, medium)
    assert answer.status_code == 200 and "filename*=UTF-8''" in answer.headers["content-disposition"]


async def test_what_a_link_says_is_what_is_rendered(api):
    medium = await upload(api, photograph())
    spec = ImageSpec(width=50, height=60, format="jpeg")
    answer = await image(api, medium, signed(api, medium, **dict(image_spec.to_query(spec))))
    seen = pictures.opened(answer.content)
    assert (answer.headers["content-type"], seen.width, seen.height) == ("image/jpeg", 50, 60)
