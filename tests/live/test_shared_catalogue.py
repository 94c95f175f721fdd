"""A real retailer's catalogue and pictures, through the documented mapping, into a served node and out again."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.node import Node

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
# A retailer's own rows and pictures are not ours to hand on, so REQUIRE_LIVE=1 does not ask for them: `test_how_to.py`
# runs the same mapping over made-up rows everywhere.
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the sample catalogue (shared/data) is not beside this folder"
)


@pytest.fixture
def node(tmp_path) -> Iterator[Node]:
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log").start()
    yield node
    node.kill()


@pytest.fixture
def http(node: Node) -> Iterator[httpx.Client]:
    """Calls as tenant `shop`, whose catalogue has been imported."""
    node.cli("tenants", "create", "shop", "--plan", "unlimited")
    secret = json.loads(node.cli("tokens", "create", "shop").stdout)["secret"]
    mapping = ROOT / "docs" / "examples" / "retailer.toml"
    done = node.cli("import", str(DATA / "products.jsonl"), "--tenant", "shop", "--mapping", str(mapping))
    assert done.returncode == 0, done.stderr
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{node.url}/api/v1", headers=headers, timeout=30) as client:
        yield client


def _rows() -> dict[str, dict]:
    rows = [json.loads(line) for line in (DATA / "products.jsonl").read_text().splitlines()]
    return {str(row["sku"]): row for row in rows}


def test_every_row_is_there_with_minor_units_and_its_narrowest_category(node, http):
    rows = _rows()
    exported = [json.loads(line) for line in node.cli("export", "--tenant", "shop").stdout.splitlines()]
    listed = http.get("/products", params={"limit": 100}).json()["data"]
    assert {item["sku"] for item in exported} == {item["sku"] for item in listed} == set(rows)
    for item in listed:
        row = rows[item["sku"]]
        assert item["name"] == row["name"]
        assert item["price"] == {"amount": round(row["price"] * 100), "currency": "USD"}
        assert item["category"] == row["category"][-1]["name"]


def test_a_filter_finds_what_the_file_holds(http):
    rows = _rows().values()
    category = next(iter(rows))["category"][-1]["name"]
    found = http.get("/products", params={"category": category, "limit": 100}).json()["data"]
    assert {item["sku"] for item in found} == {str(r["sku"]) for r in rows if r["category"][-1]["name"] == category}


def test_pictures_are_attached_and_come_back_byte_for_byte(http):
    products = http.get("/products", params={"limit": 100}).json()["data"]
    pictures = sorted(DATA.glob("images/*.png"))
    assert pictures
    for product, picture in zip(products, pictures, strict=False):
        made = http.post("/media", content=picture.read_bytes(), headers={"X-Filename": picture.name})
        assert made.status_code == 201, made.text
        medium = made.json()["_id"]
        assert http.patch(f"/products/{product['_id']}", json={"mediaIds": [medium]}).status_code == 200
        [found] = http.get("/products", params={"mediaIds": medium}).json()["data"]
        assert found["_id"] == product["_id"]
        assert http.get(f"/media/{medium}/content").content == picture.read_bytes()
