"""The how-to pages and the README, run: every shell block that is not marked as one that cannot be."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live.shell_page import ROOT, Reader, pages
from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.node import Node
from tests.servers.redis import RedisCluster
from tests.servers.swift import Swift

HOW_TO = ROOT / "docs" / "how-to"
OWN_TEST = {
    ROOT / "docs" / "tutorial.md",
    *(HOW_TO / page for page in ("import.md", "tokens.md", "mongodb-and-s3.md", "redis.md")),
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log").start("--demo")
    yield node
    node.kill()


@pytest.fixture
def acme(node: Node, tmp_path: Path) -> Reader:
    """The operator, who has a tenant `acme`, a token of it and a file of products."""
    (tmp_path / "products.jsonl").write_text('{"name": "Bar stool", "sku": "BS-1"}\n')
    assert node.cli("tenants", "create", "acme", "--plan", "unlimited").returncode == 0
    return Reader(node, tmp_path, TOKEN=json.loads(node.cli("tokens", "create", "acme").stdout)["secret"])


def _samples(page: Path) -> list[str]:
    return [" ".join(found.split()) for found in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize("page", sorted(set(pages()) - OWN_TEST), ids=lambda page: page.name)
def test_every_command_of_the_page_works(acme: Reader, page: Path) -> None:
    acme.follow(page)


def test_import_brings_the_samples_of_its_page_and_export_gives_them_back(acme: Reader, tmp_path: Path) -> None:
    own, retailer, *_ = _samples(HOW_TO / "import.md")
    (tmp_path / "products.jsonl").write_text(own + "\n")
    (tmp_path / "retailer.jsonl").write_text(retailer + "\n")
    acme.follow(HOW_TO / "import.md")
    assert "Bar stool" in (tmp_path / "acme.csv").read_text()
    headers = {"Authorization": f"Bearer {acme.environ['TOKEN']}"}
    listed = httpx.get(f"{acme.environ['URL']}/api/v1/products", headers=headers).json()["data"]
    assert {(item["name"], item["price"]["amount"]) for item in listed} == {("Bar stool", 4900), ("Keyboard", 4499)}


def test_tokens_are_made_rotated_and_revoked_and_the_tenant_suspended(node: Node, tmp_path: Path) -> None:
    operator = {"Authorization": f"Bearer {node.token('Operator')}"}
    demo = node.token("Demo")
    reader = Reader(node, tmp_path, TOKEN=demo)
    reader.follow(HOW_TO / "tokens.md")
    listed = json.loads(node.cli("tokens", "list", "acme").stdout)
    assert {token["name"] for token in listed} >= {"shop-backend", "shop-website"}
    tenant = httpx.get(f"{node.url}/api/v1/admin/tenants/acme", headers=operator).json()
    assert tenant["status"] == "suspended"


@pytest.fixture
def three_copies() -> Iterator[ReplicaSet]:
    """The set that the page advises: `doctor` finds no fault with it."""
    with running(ReplicaSet(("data", "data", "data"))) as started:
        yield started


@pytest.mark.live
def test_the_same_program_runs_on_mongodb_and_s3(tmp_path: Path, three_copies: ReplicaSet, swift: Swift) -> None:
    environ = {
        "GIGADAY_DATA_DIR": str(tmp_path / "data"),
        "MONGODB_URI": three_copies.uri,
        "GIGADAY_PEPPER": secrets.token_hex(32),
        **swift.environ(swift.bucket()),
    }
    node = Node(environ, tmp_path / "node.log")
    Reader(node, tmp_path).follow(HOW_TO / "mongodb-and-s3.md")
    try:
        node.start()
        assert "MongoDB" in node.output and "S3 (bucket" in node.output
    finally:
        node.kill()


@pytest.fixture
def advised_redis(redis_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """The cluster, for as long as the test lasts, with the settings that the page advises."""
    page = (HOW_TO / "redis.md").read_text()
    policy = re.search(r"^maxmemory-policy (\S+)", page, re.MULTILINE)
    assert policy is not None
    before = {"maxmemory": "0", "maxmemory-policy": "noeviction"}
    _configure(redis_cluster, {"maxmemory": "64mb", "maxmemory-policy": policy[1]})
    yield redis_cluster
    _configure(redis_cluster, before)


def _configure(cluster: RedisCluster, settings: dict[str, str]) -> None:
    for index in range(len(cluster.ports)):
        for name, value in settings.items():
            cluster.call(index, "CONFIG", "SET", name, value)


@pytest.mark.live
def test_workers_share_a_redis_cluster_of_which_the_doctor_finds_no_fault(
    tmp_path: Path, advised_redis: RedisCluster
) -> None:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path / "data"), "REDIS_CLUSTER_URLS": advised_redis.urls}
    node = Node({**environ, "CLUSTER_SIZE": "2"}, tmp_path / "node.log").start()
    try:
        reader = Reader(node, tmp_path)
        reader.follow(HOW_TO / "redis.md")
        assert "Redis Cluster" in node.output
        assert reader.answer["nodes"] == 2
    finally:
        node.kill()
