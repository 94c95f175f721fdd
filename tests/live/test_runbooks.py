"""Each emergency procedure run for real, from the command line, against served nodes; and undone."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gigaday.model.mode import FLEET, Setting
from gigaday.ops.mode_file import ModeFile
from tests.live.test_mongo_pool import writes_held
from tests.live.test_three_nodes import clients_of, settings
from tests.live.traffic import Clients, Tenant, until
from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.node import Node, fleet
from tests.servers.redis import RedisCluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
FOLLOWED = 1.0


@pytest.fixture(scope="module")
def database() -> Iterator[ReplicaSet]:
    """Three copies: one leads after the other."""
    with running(ReplicaSet(("data", "data", "data"))) as started:
        yield started


@pytest.fixture
def redis() -> Iterator[RedisCluster]:
    with running(RedisCluster(1, 0)) as started:
        yield started


@pytest.fixture
def backup() -> Iterator[RedisCluster]:
    with running(RedisCluster(1, 0, clustered=False)) as started:
        yield started


@dataclass
class Shop:
    """One node and a tenant of it."""

    node: Node
    clients: Clients
    tenant: Tenant

    async def run(self, *words: str, status: int = 0) -> dict[str, Any]:
        """What a procedure has reported."""
        done = await asyncio.to_thread(self.node.cli, "runbook", *words, "--by", "ada")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if done.stdout else {"said": done.stderr}

    async def write(self) -> int:
        return (await self.clients.ask(0, "/products", self.tenant, "POST", json={"name": "x"})).status

    async def listed(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tenant.token}"}
        async with httpx.AsyncClient() as client:
            return await client.get(
                f"{self.node.url}/api/v1/products?limit={secrets.randbelow(90) + 1}", headers=headers
            )

    async def health(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.node.url}/api/health")).json()

    async def modes(self) -> list[dict[str, Any]]:
        return json.loads((await asyncio.to_thread(self.node.cli, "mode", "show")).stdout)


@pytest.fixture
async def shop(database: ReplicaSet, redis: RedisCluster, backup: RedisCluster, tmp_path: Path) -> AsyncIterator[Shop]:
    with fleet(1, settings(database, redis) | {"REDIS_BACKUP_URLS": backup.urls}, tmp_path) as [node]:
        async with clients_of([node]) as clients:
            shop = Shop(node, clients, await clients.tenant("unlimited"))
            assert await shop.write() == 201
            yield shop


def results(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["step"], step["result"]) for step in report["steps"]]


async def test_database_fails_over_widens_pools_and_writes_go_on(shop: Shop, database: ReplicaSet) -> None:
    old = await asyncio.to_thread(database.primary)
    planned = await shop.run("database", "--dry-run")
    assert results(planned) == [("fail over", "planned"), ("widen pools", "planned")]
    assert await asyncio.to_thread(database.primary) == old

    report = await shop.run("database", "--away", "10m")
    assert (report["result"], results(report)) == ("done", [("fail over", "done"), ("widen pools", "done")])
    print(report["steps"][0]["told"])
    assert await asyncio.to_thread(database.primary) != old
    assert await shop.write() == 201
    assert [mode["pool"] for mode in await shop.modes()] == [2.0]

    refused = await shop.run("database", status=1)
    assert "gigaday runbook database --undo" in refused["said"]
    undone = await shop.run("database", "--undo", "--no-failover")  # all that was done, whatever is said
    assert (undone["result"], results(undone)) == ("undone", [("widen pools", "undone"), ("fail over", "undone")])
    assert await shop.modes() == []

    async def leads_again() -> bool:
        return await asyncio.to_thread(database.primary) == old

    # It is the set's favourite, and might have been kept out for ten minutes.
    await until(leads_again, 60, "the old primary was not let back")
    await until(lambda: _writes(shop), 10, "nothing can be written")


async def _writes(shop: Shop) -> bool:
    return await shop.write() == 201


async def test_database_refuses_writes_within_a_second_where_asked_to_and_takes_them_after_undoing(shop: Shop) -> None:
    report = await shop.run("database", "--no-failover", "--read-only")
    assert results(report) == [("read-only mode", "done"), ("widen pools", "done")]

    async def refused() -> bool:
        return await shop.write() == 503

    await until(refused, FOLLOWED, "the node still writes")
    await shop.run("database", "--undo")
    await until(lambda: _writes(shop), FOLLOWED, "the node still refuses")


def quota(answer: httpx.Response) -> int:
    """Of the policy that the answer tells of."""
    return int(answer.headers["ratelimit-policy"].split("q=")[1].split(";")[0])


async def test_cache_switches_to_the_backup_and_loosens_limits_and_back(shop: Shop, redis: RedisCluster) -> None:
    usual = quota(await shop.listed())
    await asyncio.to_thread(redis.kill_all)
    report = await shop.run("cache")
    assert results(report) == [
        ("switch to the backup cluster", "done"),
        ("degrade to the database alone", "skipped"),
        ("loosen limits", "done"),
    ]

    async def loosened() -> bool:
        return quota(await shop.listed()) == 2 * usual

    await until(loosened, FOLLOWED, "the limits are as they were")

    async def healthy() -> bool:
        return (await shop.health())["status"] == "healthy"

    await until(healthy, 10, "the node does not use the backup")
    await asyncio.to_thread(redis.start_member, 0)
    await shop.run("cache", "--undo")
    assert await shop.modes() == []

    async def usual_again() -> bool:
        return quota(await shop.listed()) == usual

    await until(usual_again, FOLLOWED, "the limits are loose still")


async def test_cache_degrades_to_the_database_where_the_backup_is_lost_too(
    shop: Shop, redis: RedisCluster, backup: RedisCluster
) -> None:
    await asyncio.to_thread(redis.kill_all)
    await asyncio.to_thread(backup.kill_all)
    report = await shop.run("cache")
    assert [result for _, result in results(report)] == ["skipped", "done", "done"]
    assert [mode["cache"] for mode in await shop.modes()] == ["off"]
    assert await shop.write() == 201


async def test_spike_sheds_and_caches_longer_within_a_second_and_waits_for_nodes(shop: Shop, tmp_path: Path) -> None:
    await asyncio.to_thread(shop.node.cli, "mode", "set", "normal", "--lifetimes", "2", "--reason", "sale")
    before = await shop.modes()
    command = ("spike", "--admits", "read", "--wait")
    stopped = await shop.run(*command, "1s", status=1)
    assert results(stopped)[2] == ("add nodes", "failed")
    assert stopped["back"] == "gigaday runbook spike --undo"

    async def shed() -> bool:
        answer = await shop.listed()
        return (answer.status_code, answer.headers.get("x-degraded")) == (503, "shed")

    await until(shed, FOLLOWED, "the node still lists")
    assert [(mode["lifetimes"], mode["concurrency"]) for mode in await shop.modes()] == [(4.0, 0.7)]

    with another(shop, tmp_path):
        report = await shop.run(*command, "30s")
        assert (report["run"], results(report)[2]) == (stopped["run"], ("add nodes", "done"))
        assert report["steps"][2]["told"] == "nodes 1 -> 2"
    await shop.run("spike", "--undo")
    assert [_set(mode) for mode in await shop.modes()] == [_set(mode) for mode in before]
    await until(lambda: _lists(shop), FOLLOWED, "the node still sheds")


@contextmanager
def another(shop: Shop, folder: Path) -> Iterator[Node]:
    node = Node(shop.node.environ | {"GIGADAY_DATA_DIR": str(folder / "another")}, folder / "another.log")
    try:
        yield node.start()
    finally:
        node.kill()


async def _lists(shop: Shop) -> bool:
    return (await shop.listed()).status_code == 200


def _set(mode: dict[str, Any]) -> dict[str, Any]:
    """But for the counting of changes."""
    return {name: value for name, value in mode.items() if name != "revision"}


async def test_the_trail_tells_who_did_what_and_how_it_was(shop: Shop) -> None:
    await shop.run("database", "--no-failover", "--pool", "3")
    done = await asyncio.to_thread(shop.node.cli, "audit", "--limit", "2")
    ended, step = json.loads(done.stdout)
    assert (ended["what"], step["what"], step["by"], step["step"]) == ("ended", "done", "ada", "widen pools")
    assert (step["before"]["pool"], step["after"]["pool"]) == (1.0, 3.0)


async def test_a_node_uses_as_many_connections_as_the_mode_says(
    database: ReplicaSet, redis: RedisCluster, tmp_path: Path
) -> None:
    """Of its one connection a write has hold, which the database takes in and does not answer."""
    with fleet(1, settings(database, redis) | {"MONGODB_MAX_POOL_SIZE": "1"}, tmp_path) as [node]:
        async with clients_of([node]) as clients:
            shop = Shop(node, clients, await clients.tenant("unlimited"))
            await until(lambda: _lists(shop), 10, "nothing can be read")
            with writes_held(database):
                held = asyncio.create_task(shop.write())
                await until(lambda: _busy(shop), FOLLOWED, "the write does not hold the connection")
                ModeFile(Path(node.environ["GIGADAY_DATA_DIR"]) / "modes.json").put(Setting(FLEET, pool=2.0))
                await until(lambda: _lists(shop), FOLLOWED, "the pool is as it was")
                assert not held.done()
            assert await held == 201


async def _busy(shop: Shop) -> bool:
    return (await shop.listed()).status_code == 503
