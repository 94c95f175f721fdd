"""The tutorial, run: every shell block of it, in order, against a served node."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.test_media import png
from tests.live.shell_page import ROOT, Reader
from tests.servers.node import Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log").start("--demo")
    yield node
    node.kill()


def test_every_line_of_the_tutorial_does_what_it_says(node: Node, tmp_path: Path) -> None:
    (tmp_path / "stool.jpg").write_bytes(png())
    token = node.token("Demo")
    reader = Reader(node, tmp_path, TOKEN=token)
    reader.follow(ROOT / "docs" / "tutorial.md")
    assert (tmp_path / "fetched.jpg").read_bytes() == png()
    assert reader.answer["code"] == "invalid" and len(reader.answer["errors"]) >= 2
    path = f"{node.url}/api/v1/products/{reader.environ['ID']}"
    product = httpx.get(path, headers={"Authorization": f"Bearer {token}"}).json()
    assert (product["category"], product["mediaIds"]) == ("stools", [reader.environ["MEDIA"]])
