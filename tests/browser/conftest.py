"""A real browser: Debian's Chromium, driven by Playwright; `watched` notes what a page should never do."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.servers import missing
from tests.servers.node import Node


@dataclass
class Watched:
    """`faults` are console errors, uncaught exceptions and requests to another host than the node."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Takes note from now on."""
        self.page.on("console", lambda told: self._add(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self._add(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))

    def _add(self, fault: str) -> None:
        self.faults.append(fault)

    def _requested(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != urlsplit(self.url).netloc:
            self._add(f"a request to {url}")


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A served embedded node with the demo catalogue."""
    folder: Path = tmp_path_factory.mktemp("browsed")
    node = Node({"GIGADAY_DATA_DIR": str(folder / "data")}, folder / "node.log").start("--demo")
    yield node
    node.kill()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("chromium is not installed")
    async with async_playwright() as driver:
        # Its sandbox needs rights that root in a container has not; it only sees our own pages.
        opened = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        await opened.close()
