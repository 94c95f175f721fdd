"""What an operator's commands do to the caches of two served nodes that share a Redis Cluster."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import running
from tests.servers.node import MAIN, Node
from tests.servers.redis import RedisCluster

pytestmark = pytest.mark.live
BOUND = 1.0
"""Seconds within which every node has heard of a write."""


class Fleet:
    """Two nodes over one database and one Redis Cluster; `headers` are those of tenant `acme`."""

    def __init__(self, folder: Path, urls: str) -> None:
        environ = {"GIGADAY_DATA_DIR": str(folder / "data"), "REDIS_CLUSTER_URLS": urls, "CLUSTER_SIZE": "1"}
        self.nodes = [Node(environ, folder / f"node{number}.log") for number in range(2)]
        self.database = folder / "data" / "gigaday.sqlite"

    def start(self) -> "Fleet":
        for node in self.nodes:
            node.start()
        self.cli("tenants", "create", "acme", "--plan", "unlimited")
        self.token = json.loads(self.cli("tokens", "create", "acme").stdout)
        self.headers = {"Authorization": f"Bearer {self.token['secret']}"}
        return self

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def cli(self, *words: str) -> Any:
        done = self.nodes[0].cli(*words)
        assert done.returncode == 0, done.stderr
        return done

    def get(self, node: Node, path: str) -> httpx.Response:
        return httpx.get(f"{node.url}/api/v1{path}", headers=self.headers)

    def rename(self, id: str, name: str) -> None:
        """In the database itself, so that nothing is invalidated."""
        with sqlite3.connect(self.database, timeout=10) as database:
            changed = database.execute("update products set doc = json_set(doc, '$.name', ?) where _id = ?", (name, id))
            assert changed.rowcount == 1

    def cached_everywhere(self, path: str, within: float = 10) -> None:
        """Returns once every node goes on answering from what it has cached for longer than it would without hearing
        of the others."""
        for node in self.nodes:
            until(lambda node=node: self._trusted(node, path), within)

    def _trusted(self, node: Node, path: str) -> bool:
        since = time.monotonic()
        while time.monotonic() < since + 1.5 * BOUND:
            if self.get(node, path).headers["cache-status"] != "gigaday; hit":
                return False
        return True


def until(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not come about in time"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def fleet(tmp_path: Path, redis_cluster: RedisCluster) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, redis_cluster.urls)
    try:
        yield fleet.start()
    finally:
        fleet.stop()


@pytest.fixture
def stool(fleet: Fleet) -> str:
    """A product's id."""
    made = httpx.post(f"{fleet.nodes[0].url}/api/v1/products", json={"name": "Stool"}, headers=fleet.headers)
    return str(made.json()["_id"])


@pytest.mark.parametrize("option", [["--tag", "acme/products"], ["--tenant", "acme"], ["--all"]], ids=" ".join)
def test_a_purge_has_every_node_load_anew_and_returns_once_all_have(
    fleet: Fleet, stool: str, option: list[str]
) -> None:
    path = f"/products/{stool}"
    fleet.cached_everywhere(path)
    fleet.rename(stool, "Bar stool")
    assert {fleet.get(node, path).json()["name"] for node in fleet.nodes} == {"Stool"}
    receipt = json.loads(fleet.cli("cache", "purge", *option).stdout)
    assert receipt["nodes"] == 2
    assert 0 < receipt["milliseconds"] < BOUND * 1000
    assert {fleet.get(node, path).json()["name"] for node in fleet.nodes} == {"Bar stool"}


def test_a_purge_of_something_else_leaves_it(fleet: Fleet, stool: str) -> None:
    path = f"/products/{stool}"
    fleet.cached_everywhere(path)
    fleet.rename(stool, "Bar stool")
    fleet.cli("cache", "purge", "--tag", "acme/media")
    assert {fleet.get(node, path).json()["name"] for node in fleet.nodes} == {"Stool"}


def test_a_token_revoked_by_the_command_is_refused_everywhere_within_a_second(fleet: Fleet, stool: str) -> None:
    path = f"/products/{stool}"
    fleet.cached_everywhere(path)
    fleet.cli("tokens", "revoke", "acme", fleet.token["_id"])
    began = time.monotonic()
    for node in fleet.nodes:
        until(lambda node=node: fleet.get(node, path).status_code == 401, BOUND)
    assert time.monotonic() < began + BOUND


def test_a_tenant_suspended_by_the_command_is_refused_everywhere_and_served_again(fleet: Fleet, stool: str) -> None:
    path = f"/products/{stool}"
    fleet.cached_everywhere(path)
    for command, status in (("suspend", 403), ("resume", 200)):
        fleet.cli("tenants", command, "acme")
        for node in fleet.nodes:
            until(lambda node=node, status=status: fleet.get(node, path).status_code == status, BOUND)


def test_an_imported_product_is_listed_everywhere_within_a_second(fleet: Fleet, tmp_path: Path) -> None:
    fleet.cached_everywhere("/products")
    (tmp_path / "products.jsonl").write_text('{"name": "Keyboard", "sku": "K-1"}\n')
    fleet.cli("import", str(tmp_path / "products.jsonl"), "--tenant", "acme")
    for node in fleet.nodes:
        until(lambda node=node: len(fleet.get(node, "/products").json()["data"]) == 1, BOUND)


def test_an_import_that_waits_for_its_source_costs_no_node_what_it_has_cached(
    fleet: Fleet, stool: str, tmp_path: Path
) -> None:
    source = tmp_path / "products.jsonl"
    os.mkfifo(source)
    command = [sys.executable, "-c", MAIN, "import", str(source), "--tenant", "acme"]
    environ = {**os.environ, **fleet.nodes[0].environ}
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as importing:
        with source.open("w", buffering=1) as rows:
            for number in range(3_000):
                rows.write(f'{{"name": "Keyboard {number}"}}\n')
            until(lambda: len(fleet.get(fleet.nodes[0], "/products").json()["data"]) > 1, 20)
            fleet.cached_everywhere(f"/products/{stool}", within=4)
        assert importing.wait(timeout=60) == 0


@pytest.fixture
def lonely_redis(tmp_path: Path) -> Iterator[RedisCluster]:
    """One member, to be killed."""
    with running(RedisCluster(primaries=1, replicas=0)) as started:
        yield started


def test_a_purge_without_redis_fails_and_says_what_was_not_reached(tmp_path: Path, lonely_redis: RedisCluster) -> None:
    fleet = Fleet(tmp_path, lonely_redis.urls)
    lonely_redis.kill_all()
    done = fleet.nodes[0].cli("cache", "purge", "--all")
    assert done.returncode == 1
    assert "nothing was purged" in done.stderr
    assert done.stdout == ""


def test_a_command_that_could_not_invalidate_says_so(tmp_path: Path, lonely_redis: RedisCluster) -> None:
    fleet = Fleet(tmp_path, lonely_redis.urls)
    lonely_redis.kill_all()
    done = fleet.nodes[0].cli("tenants", "create", "acme")
    assert done.returncode == 0
    assert "gigaday cache purge --all" in done.stderr
