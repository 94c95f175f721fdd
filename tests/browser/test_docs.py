"""`/docs` in a browser: what is listed, at which widths it fits, and that it keeps to itself."""

import re

import pytest
import pyvips
from playwright.async_api import Browser, expect

from tests.browser.conftest import Watched
from tests.servers.node import Node

pytestmark = pytest.mark.live
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
async def docs(request: pytest.FixtureRequest, browser: Browser, node: Node) -> Watched:
    """The page, opened and loaded."""
    size, scheme = request.param
    width, height = SIZES[size]
    page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    watched = Watched(page, node.url)
    watched.watch()
    await page.goto(f"{node.url}/docs")
    await expect(page.locator(".opblock").first).to_be_visible()
    return watched


async def test_operations_and_examples_are_listed_and_nothing_comes_from_elsewhere(docs: Watched) -> None:
    page = docs.page
    listed = await page.locator(".opblock-summary-path").all_inner_texts()
    assert any("products" in path for path in listed) and any("media" in path for path in listed)
    creating = page.locator(".opblock-post").filter(has=page.locator('[data-path="/api/v1/products"]'))
    await creating.locator(".opblock-summary-control").click()
    await expect(creating.locator(".opblock-section-request-body textarea")).to_have_value(re.compile('"name"'))
    assert docs.faults == []


async def test_it_fits_the_width_of_the_window(docs: Watched) -> None:
    assert await docs.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_it_is_dark_where_that_is_preferred(docs: Watched) -> None:
    shown = pyvips.Image.new_from_buffer(await docs.page.screenshot(), "")
    dark = await docs.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert shown.avg() < 100 if dark else shown.avg() > 180
