"""The same program on a real replica set and a real S3 server, chosen by settings alone."""

import json
import secrets
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.test_media import png
from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.node import Node
from tests.servers.swift import Swift

pytestmark = pytest.mark.live
MAPPING = '[fields]\nname = "title"\nsku = "code"\nprice.amount = { from = "cost", scale = 100, exact = true }\n\
price.currency = { constant = "EUR" }\n'


@pytest.fixture
def own_swift(tmp_path) -> Iterator[Swift]:
    """One that the test may stop."""
    server = Swift(tmp_path / "swift")
    with running(server):
        yield server


@pytest.fixture
def environ(tmp_path, replica_set: ReplicaSet, own_swift: Swift) -> dict[str, str]:
    return {
        "GIGADAY_DATA_DIR": str(tmp_path / "data"),
        "MONGODB_URI": replica_set.uri.replace("/gigaday?", f"/test-{secrets.token_hex(6)}?"),
        "GIGADAY_PEPPER": secrets.token_hex(32),
        **own_swift.environ(own_swift.bucket()),
    }


@pytest.fixture
def node(tmp_path, environ: dict[str, str]) -> Iterator[Node]:
    node = Node(environ, tmp_path / "node.log").start()
    yield node
    node.kill()


@pytest.fixture
def http(node: Node) -> Iterator[httpx.Client]:
    """Calls as tenant `acme`, made by the command line beside the running node."""
    made = node.cli("tenants", "create", "acme", "--plan", "unlimited")
    assert made.returncode == 0, made.stderr
    token = node.cli("tokens", "create", "acme")
    assert token.returncode == 0, token.stderr
    headers = {"Authorization": f"Bearer {json.loads(token.stdout)['secret']}"}
    with httpx.Client(base_url=f"{node.url}/api/v1", headers=headers, timeout=30) as client:
        yield client


def test_products_live_their_whole_life(http):
    made = [http.post("/products", json={"name": f"Stool {n}", "category": f"c{n % 2}"}).json() for n in range(4)]
    found = http.get("/products", params={"category": "c1"}).json()["data"]
    assert {item["_id"] for item in found} == {made[1]["_id"], made[3]["_id"]}
    path = f"/products/{made[0]['_id']}"
    changed = http.patch(path, json={"name": "Bench"})
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Bench", 2)
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404
    assert len(http.get("/products").json()["data"]) == 3


def test_media_come_back_byte_for_byte_and_in_ranges(http):
    content = png(300, 200)
    made = http.post("/media", content=content, headers={"X-Filename": "a.png"})
    assert made.status_code == 201, made.text
    path = f"/media/{made.json()['_id']}/content"
    assert http.get(path).content == content
    part = http.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])


def test_an_import_run_twice_makes_no_doubles_and_comes_out_again(node, http, tmp_path):
    rows = [{"title": f"Lamp {n}", "code": f"L-{n}", "cost": n + 0.5} for n in range(20)]
    source, mapping = tmp_path / "rows.jsonl", tmp_path / "map.toml"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping.write_text(MAPPING)
    for _ in range(2):
        done = node.cli("import", str(source), "--tenant", "acme", "--mapping", str(mapping))
        assert done.returncode == 0, done.stderr
    exported = node.cli("export", "--tenant", "acme")
    assert exported.returncode == 0, exported.stderr
    products = [json.loads(line) for line in exported.stdout.splitlines()]
    expected = {(row["code"], row["title"], round(row["cost"] * 100)) for row in rows}
    assert len(products) == 20
    assert {(item["sku"], item["name"], item["price"]["amount"]) for item in products} == expected


def test_the_operator_commands_tell_the_state_of_the_database(node, http):
    indexes = node.cli("db", "indexes")
    assert indexes.returncode == 0, indexes.stderr
    status = node.cli("db", "status")
    assert json.loads(status.stdout)["missing"] == [], status.stderr
    shard = node.cli("db", "shard")
    assert "Traceback" not in shard.stderr
    assert "mongos" in shard.stderr + shard.stdout
    doctor = node.cli("doctor")
    assert {row["check"] for row in json.loads(doctor.stdout)} >= {"settings", "database", "object store"}


def test_without_storage_health_says_so_and_products_are_still_served(node, http, own_swift):
    assert httpx.get(f"{node.url}/api/health").status_code == 200
    made = http.post("/products", json={"name": "Stool"}).json()
    own_swift.stop()
    for _ in range(60):
        health = httpx.get(f"{node.url}/api/health", timeout=10)
        if health.status_code == 503:
            break
        assert http.get(f"/products/{made['_id']}").status_code == 200
        time.sleep(0.5)
    assert health.status_code == 503, health.text
    assert "storage" in health.text
    assert http.get(f"/products/{made['_id']}").json()["name"] == "Stool"


def test_a_node_that_has_made_the_demo_reaches_its_storage(tmp_path, environ):
    node = Node(environ, tmp_path / "node.log")
    try:
        node.start("--demo")
        assert httpx.get(f"{node.url}/api/health").json()["components"]["storage"]["status"] == "up"
    finally:
        node.kill()
