import hashlib
import struct
import zlib

import pytest

from gigaday import compose, settings
from gigaday.model.plan import PLANS
from gigaday.ops.quota import Quota
from tests.api.conftest import running


def png(width: int = 3, height: int = 2) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + b"\x80\x40\x20" * width for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def upload(api, content: bytes, name: str = "a.png", **more) -> dict:
    answer = await api.call("POST", "/media", content=content, headers={"X-Filename": name}, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_upload_tells_what_it_was(api):
    content = png()
    made = await upload(api, content)
    assert (made["contentType"], made["width"], made["height"]) == ("image/png", 3, 2)
    assert (made["size"], made["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (made["filename"], made["status"], made["createdBy"]) == ("a.png", "ready", "acme")
    assert "storageKey" not in made


async def test_a_form_upload_is_the_same(api):
    answer = await api.call("POST", "/media", files={"file": ("stühle.png", png(), "text/html")}, data={"alt": "Two"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["filename"], made["contentType"], made["alt"]) == ("stühle.png", "image/png", "Two")


async def test_the_bytes_come_back(api):
    content = png(40, 40)
    made = await upload(api, content)
    answer = await api.call("GET", f"/media/{made['_id']}/content")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    again = await api.call("GET", f"/media/{made['_id']}/content", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    part = await api.call("GET", f"/media/{made['_id']}/content", headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, content[-5:])
    beyond = await api.call("GET", f"/media/{made['_id']}/content", headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    head = await api.call("HEAD", f"/media/{made['_id']}/content")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>",
        b"<!doctype html><script>x</script>",
        b"<?xml version='1.0'?><a/>",
    ],
)  # fmt: skip
async def test_what_could_run_is_a_download(api, content):
    made = await upload(api, content, name="harmless.png")
    answer = await api.call("GET", f"/media/{made['_id']}/content")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] != "image/png"


async def test_records_are_changed_listed_and_filtered(api):
    made = await upload(api, png())
    await upload(api, b"plain text", name="b.txt")
    answer = await api.call("PATCH", f"/media/{made['_id']}", json={"alt": "A stool"})
    assert (answer.json()["alt"], answer.json()["version"]) == ("A stool", 2)
    assert (await api.call("PATCH", f"/media/{made['_id']}", json={"sha256": "x"})).status_code == 422
    listed = (await api.call("GET", "/media?contentType=image/png")).json()["data"]
    assert [item["_id"] for item in listed] == [made["_id"]]


async def test_a_medium_in_use_is_not_deleted_unless_told(api):
    made = await upload(api, png())
    product = await api.product(name="Stool", mediaIds=[made["_id"]])
    listed = (await api.call("GET", f"/products?mediaIds={made['_id']}")).json()["data"]
    assert [item["_id"] for item in listed] == [product["_id"]]
    refused = await api.call("DELETE", f"/media/{made['_id']}")
    assert refused.status_code == 409
    assert refused.json()["usedBy"][0]["_id"] == product["_id"]
    assert (await api.call("DELETE", f"/media/{made['_id']}?detach=true")).status_code == 204
    assert (await api.call("GET", f"/products/{product['_id']}")).json()["mediaIds"] == []
    assert (await api.call("GET", f"/media/{made['_id']}/content")).status_code == 404


async def scoped(api, *scopes: str) -> str:
    answer = await api.call("POST", "/tokens", json={"name": "t", "kind": "secret", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


async def test_detaching_needs_leave_to_change_products(api):
    made = await upload(api, png())
    product = await api.product(mediaIds=[made["_id"]])
    token = await scoped(api, "media:write", "products:read")
    refused = await api.call("DELETE", f"/media/{made['_id']}?detach=true", token=token)
    assert (refused.status_code, "products:write" in refused.json()["detail"]) == (403, True)
    assert (await api.call("GET", f"/products/{product['_id']}")).json()["version"] == 1


async def test_who_uses_a_medium_is_told_to_those_who_may_read_products(api):
    made = await upload(api, png())
    product = await api.product(mediaIds=[made["_id"]])
    for scopes, told in (["media:write"], False), (["media:write", "products:read"], True):
        refused = await api.call("DELETE", f"/media/{made['_id']}", token=await scoped(api, *scopes))
        assert (refused.status_code, "usedBy" in refused.json(), product["_id"] in refused.text) == (409, told, told)


@pytest.mark.parametrize("value", ["attachment; filename*=x; filename*0*=y", "attachment; filename*=a%00b''c"])
async def test_a_name_that_cannot_be_read_is_none(api, value):
    answer = await api.call("POST", "/media", content=b"x", headers={"Content-Disposition": value})
    assert (answer.status_code, answer.json()["filename"]) == (201, "upload")


async def test_a_product_cannot_name_media_that_are_not_its_tenants(api):
    theirs = await upload(api, png(), token=api.other)
    answer = await api.call("POST", "/products", json={"name": "x", "mediaIds": [theirs["_id"]]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/mediaIds/0")


async def test_media_of_another_tenant_are_as_if_missing(api):
    made = await upload(api, png())
    for path in (f"/media/{made['_id']}", f"/media/{made['_id']}/content"):
        assert (await api.call("GET", path, token=api.other)).status_code == 404
    assert (await api.call("DELETE", f"/media/{made['_id']}", token=api.other)).status_code == 404


async def test_an_interrupted_upload_leaves_nothing(api, tmp_path):
    incoming = iter([{"type": "http.request", "body": png(500, 500)[:1000], "more_body": True}])
    headers = {"host": "t", "authorization": f"Bearer {api.token}", "content-length": "90000"}
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/api/v1/media", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent = []

    async def receive():
        return next(incoming, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    await api.app(scope, receive, send)
    assert not any(message.get("status") == 201 for message in sent)
    assert (await api.call("GET", "/media")).json()["data"] == []
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_nothing_is_no_upload(api):
    assert (await api.call("POST", "/media", content=b"")).status_code == 422


async def test_a_repeated_upload_with_a_key_is_one(api):
    headers = {"X-Filename": "a.png", "Idempotency-Key": "u1"}
    first = await api.call("POST", "/media", content=png(), headers=headers)
    again = await api.call("POST", "/media", content=png(), headers=headers)
    assert first.json() == again.json()
    assert len((await api.call("GET", "/media")).json()["data"]) == 1


def files(folder) -> list:
    """The originals in the embedded store; none where it is another."""
    return [path for path in (folder / "objects" / "media").rglob("*") if path.is_file()]


async def test_the_same_bytes_are_one_object_until_the_last_medium_of_them_is_gone(api, tmp_path):
    first, second = await upload(api, png(), name="a.png"), await upload(api, png(), name="b.png")
    assert (first["_id"] != second["_id"], first["sha256"]) == (True, second["sha256"])
    assert (first["filename"], second["filename"]) == ("a.png", "b.png")
    assert len(files(tmp_path)) in (0, 1)
    for path in (f"/media/{first['_id']}", f"/media/trash/{first['_id']}"):
        assert (await api.call("DELETE", path)).status_code == 204
    assert (await api.call("GET", f"/media/{second['_id']}/content")).content == png()


async def test_the_focus_of_a_picture_can_be_set_and_cleared(api):
    made = await upload(api, png())
    assert made["focus"] is None
    changed = await api.call("PATCH", f"/media/{made['_id']}", json={"focus": {"x": 0.25, "y": 1}})
    assert changed.json()["focus"] == {"x": 0.25, "y": 1.0}
    assert (await api.call("GET", f"/media/{made['_id']}")).json()["focus"] == {"x": 0.25, "y": 1.0}
    assert (await api.call("PATCH", f"/media/{made['_id']}", json={"focus": None})).json()["focus"] is None


@pytest.mark.parametrize("focus", [{"x": 2, "y": 0}, {"x": 0.5}, {"x": 0, "y": 0, "z": 0}, "centre", [0, 0]])
async def test_a_focus_outside_the_picture_is_refused(api, focus):
    made = await upload(api, png())
    answer = await api.call("PATCH", f"/media/{made['_id']}", json={"focus": focus})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"].split("/")[1]) == (422, "focus")


async def test_a_picture_has_a_colour_and_a_blur_and_a_text_has_none(api):
    picture, text = await upload(api, png(40, 30)), await upload(api, b"a text", name="a.txt")
    assert picture["color"] == "#804020"
    assert len(picture["blurhash"]) >= 6
    assert (text["color"], text["blurhash"]) == (None, None)


async def test_a_plan_has_room_for_so_much_and_what_goes_for_good_makes_room(tmp_path):
    environ = {"GIGADAY_DATA_DIR": str(tmp_path)}
    async with running(environ) as api:
        await api.http.patch("/api/v1/admin/tenants/acme", json={"plan": "free"}, headers=api.as_(api.operator))
        await room_left(environ, PLANS["free"].storage_bytes, 10)
        first = await upload(api, b"0123456789")
        refused = await api.call("POST", "/media", content=b"x")
        assert (refused.status_code, refused.json()["code"]) == (413, "quota_exceeded")
        assert len(files(tmp_path)) == 1
        assert (await api.call("DELETE", f"/media/{first['_id']}")).status_code == 204
        assert (await api.call("POST", "/media", content=b"x")).status_code == 413
        assert (await api.call("DELETE", f"/media/trash/{first['_id']}")).status_code == 204
        await upload(api, b"x")


async def room_left(environ: dict[str, str], plan: int, size: int) -> None:
    """As if the tenant had stored all but so many bytes."""
    async with compose.open_backends(settings.load(environ)) as backends:
        await Quota(backends.documents).reserve("acme", plan, plan - size)


async def test_every_tenant_has_a_count_of_its_own(api):
    for token in (api.token, api.other, api.token, api.other):
        await upload(api, b"the same", token=token)
