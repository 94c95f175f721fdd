"""Making links, through the whole pipeline."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import pyvips
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gigaday import compose, settings
from gigaday.errors import SettingsError
from tests.api.conftest import Api, running
from tests.api.test_files import fetch, link, path_of, publish, upload
from tests.servers.swift import Swift


def picture(width: int = 600, height: int = 400) -> bytes:
    gradient = pyvips.Image.xyz(width, height).extract_band(0).linear(255 / width, 0).cast("uchar")
    return bytes(gradient.bandjoin([gradient, gradient]).copy(interpretation="srgb").write_to_buffer(".png"))


def size_of(content: bytes) -> tuple[int, int]:
    image = pyvips.Image.new_from_buffer(content, "")
    return image.width, image.height


async def test_a_link_says_until_when_it_holds(api: Api) -> None:
    medium = await upload(api)
    told = (await api.call("POST", f"/media/{medium['_id']}/links", json={})).json()
    assert set(told) == {"url", "expiresAt"}
    assert told["expiresAt"].endswith(":00:00.000Z"), "whole hours, so that caches keep one answer"
    await publish(api)
    told = (await api.call("POST", f"/media/{medium['_id']}/links", json={})).json()
    assert told == {"url": path_of(medium), "expiresAt": None}


async def test_a_rendering_is_delivered_as_it_was_linked(api: Api) -> None:
    medium = await upload(api, picture(), "stool.png")
    answer = await fetch(api, await link(api, medium, width=60, height=60, format="webp"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert size_of(answer.content) == (60, 60)
    assert 'filename="stool.webp"' in answer.headers["content-disposition"]
    assert "immutable" in answer.headers["cache-control"]


async def test_a_preset_is_public_where_the_tenant_publishes_and_follows_what_browsers_take(api: Api) -> None:
    medium = await upload(api, picture(), "stool.png")
    await publish(api, {"publish": True, "presets": {"card": {"width": 90, "height": 30}}})
    path = await link(api, medium, preset="card")
    assert path == f"{path_of(medium)}?preset=card"
    modern, old = await fetch(api, path, accept="image/webp"), await fetch(api, path, accept="*/*")
    assert (modern.headers["content-type"], old.headers["content-type"]) == ("image/webp", "image/jpeg")
    assert "accept" in modern.headers["vary"].lower().split(", ")
    assert size_of(old.content) == (90, 30)


async def test_custom_sizes_are_signed_even_where_the_tenant_publishes(api: Api) -> None:
    medium = await upload(api, picture(), "stool.png")
    await publish(api)
    assert "signature=" in await link(api, medium, width=50)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"preset": "nothing"}, 404),
        ({"preset": "small", "width": 5}, 422),
        ({"width": 0}, 422),
        ({"width": 4_096, "dpr": 2}, 422),
        ({"expiresIn": 0}, 422),
        ({"expiresIn": 10**9}, 422),
        ({"sizes": 1}, 422),
        ({"width": "5"}, 422),
        ({"focus": {"x": 2, "y": 0}}, 422),
    ],
)
async def test_what_cannot_be_linked_is_refused(api: Api, asked: dict[str, Any], status: int) -> None:
    medium = await upload(api, picture(), "stool.png")
    assert (await api.call("POST", f"/media/{medium['_id']}/links", json=asked)).status_code == status


async def test_what_is_no_picture_has_no_renderings(api: Api) -> None:
    medium = await upload(api)
    answer = await api.call("POST", f"/media/{medium['_id']}/links", json={"width": 5})
    assert answer.status_code == 422


async def test_nobody_links_to_what_is_anothers(api: Api) -> None:
    medium = await upload(api)
    for id in (medium["_id"], "0" * 26, "x"):
        assert (await api.call("POST", f"/media/{id}/links", api.other, json={})).status_code == 404


@pytest.mark.live
async def test_cookies_open_originals_where_cloudfront_delivers(tmp_path: Path, swift: Swift) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    environ = {
        "GIGADAY_DATA_DIR": str(tmp_path), "CLOUDFRONT_DOMAIN": "x.cloudfront.net", "CLOUDFRONT_KEY_PAIR_ID": "K1",
        "CLOUDFRONT_DISTRIBUTION_ID": "D1", "CLOUDFRONT_PRIVATE_KEY": str(tmp_path / "key.pem"),
        **swift.environ(swift.bucket()),
    }  # fmt: skip
    async with running(environ) as api:
        medium = await upload(api)
        signed = await link(api, medium)
        opened = await api.call("POST", f"/media/{medium['_id']}/links", json={"cookies": True})
        rendered = await api.call("POST", f"/media/{medium['_id']}/links", json={"cookies": True, "preset": "small"})
    assert signed.startswith("https://x.cloudfront.net/media/acme/") and "&Signature=" in signed
    assert signed.startswith(opened.json()["url"] + "&Expires="), "the same object, but for what proves it"
    cookies = opened.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"
    ]  # fmt: skip
    assert all("Path=/media/acme/" in cookie and "Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)
    assert rendered.status_code == 422, "no picture"


async def test_there_are_no_cookies_without_cloudfront(api: Api) -> None:
    medium = await upload(api)
    answer = await api.call("POST", f"/media/{medium['_id']}/links", json={"cookies": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "set-cookie" not in answer.headers


async def test_a_private_key_that_is_none_stops_the_start(tmp_path: Path) -> None:
    environ = {
        "GIGADAY_DATA_DIR": str(tmp_path), "CLOUDFRONT_DOMAIN": "x.cloudfront.net", "CLOUDFRONT_KEY_PAIR_ID": "K1",
        "CLOUDFRONT_DISTRIBUTION_ID": "D1", "S3_BUCKET": "b",
    }  # fmt: skip
    for wrong in (str(tmp_path / "none.pem"), "-----BEGIN PRIVATE KEY-----"):
        with pytest.raises(SettingsError, match="CLOUDFRONT_PRIVATE_KEY"):
            async with running({**environ, "CLOUDFRONT_PRIVATE_KEY": wrong}):
                pass


async def test_links_survive_a_restart_of_the_node(tmp_path: Path) -> None:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path)}
    async with running(environ) as api:
        path = await link(api, await upload(api))
    node = compose.Node(settings.load(environ))
    transport = httpx.ASGITransport(node, raise_app_exceptions=False)
    async with node.running(), httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        assert (await http.get(path)).status_code == 200
