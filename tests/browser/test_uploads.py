"""A page of another origin that uploads a picture by tus-js-client, pauses, goes on, and shows what came of it."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pyvips
from playwright.async_api import Browser, expect

from tests.servers import missing
from tests.servers.node import Node

pytestmark = pytest.mark.live
JS = Path(__file__).parents[1] / "js"
CLIENT = JS / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told: Any) -> None:
        """Nothing."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The origin of a shop's pages."""
    if not CLIENT.is_file():
        missing("tus-js-client is not installed (scripts/clients installs it)")
    pages = tmp_path / "pages"
    pages.mkdir()
    for file in (JS / "upload.html", CLIENT):
        copy(file, pages)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(pages))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def api(shop: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where the API is, and a token of a tenant's; the shop's pages may call it."""
    node = Node(
        {"GIGADAY_DATA_DIR": str(tmp_path / "data"), "GIGADAY_CORS_ORIGINS": shop}, tmp_path / "node.log"
    ).start()
    assert node.cli("tenants", "create", "acme", "--plan", "unlimited").returncode == 0
    yield node.url, json.loads(node.cli("tokens", "create", "acme").stdout)["secret"]
    node.kill()


def _picture(path: Path) -> bytes:
    """A PNG of 640 by 480 pixels that takes about a megabyte."""
    noise = pyvips.Image.gaussnoise(640, 480, mean=128, sigma=60).bandjoin(
        [pyvips.Image.gaussnoise(640, 480, mean=mean, sigma=60) for mean in (90, 160)]
    )
    noise.cast("uchar").copy(interpretation="srgb").write_to_file(str(path), compression=1)
    return path.read_bytes()


async def test_a_picture_that_is_uploaded_with_a_pause_is_shown(
    browser: Browser, shop: str, api: tuple[str, str], tmp_path: Path
) -> None:
    url, token = api
    sent = _picture(tmp_path / "chair.png")
    assert len(sent) > 600_000
    page = await browser.new_page(viewport={"width": 800, "height": 700})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{shop}/upload.html?{urlencode({'api': url, 'token': token})}")
    await page.locator("input").set_input_files(tmp_path / "chair.png")
    status = page.get_by_role("status")
    await expect(status).to_have_text("paused")
    headers = {"Authorization": f"Bearer {token}"}
    [under_way] = httpx.get(f"{url}/api/v1/uploads", headers=headers).json()["data"]
    assert 0 < under_way["offset"] < under_way["size"] == len(sent)
    while await status.inner_text() != "done":  # it pauses itself again a few times
        await expect(status).to_have_text("paused")
        await status.evaluate("told => { told.textContent = '' }")
        await page.locator("#resume").click()
        await expect(status).not_to_be_empty()
    await expect(page.locator("img")).to_have_js_property("naturalWidth", 640)
    [medium] = httpx.get(f"{url}/api/v1/media", headers=headers).json()["data"]
    assert (medium["filename"], medium["contentType"], medium["width"]) == ("chair.png", "image/png", 640)
    assert httpx.get(f"{url}/api/v1/media/{medium['_id']}/content", headers=headers).content == sent
    shown = pyvips.Image.new_from_buffer(await page.locator("img").screenshot(), "")
    assert shown.deviate() > 30  # noise, not an empty frame
    assert faults == []


async def test_a_page_of_another_shop_is_kept_out(browser: Browser, shop: str, api: tuple[str, str]) -> None:
    url, token = api
    elsewhere = shop.replace("127.0.0.1", "localhost")
    page = await browser.new_page()
    await page.goto(f"{elsewhere}/upload.html?{urlencode({'api': url, 'token': token})}")
    asked = "([url, token]) => fetch(url, { headers: { Authorization: `Bearer ${token}` } }).then(() => 'read', String)"
    assert "TypeError" in await page.evaluate(asked, [f"{url}/api/v1/media", token])
