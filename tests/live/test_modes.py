"""Modes on served nodes: set once and heeded by all, through restarts; and what a database without a primary brings."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.live.test_three_nodes import clients_of, settings
from tests.live.traffic import Clients, Seen, Tenant, until
from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.node import Node, fleet
from tests.servers.redis import RedisCluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
FOLLOWED = 1.0
PROMPT = 1.0


@dataclass
class Shop:
    """Two nodes, and a tenant with two products, of which none is cached."""

    nodes: list[Node]
    clients: Clients
    tenant: Tenant
    products: list[str]

    async def write(self, node: int, **more: object) -> Seen:
        return await self.clients.ask(node, "/products", self.tenant, "POST", json={"name": "x"}, **more)

    def mode(self, node: int) -> str:
        return str(httpx.get(f"{self.nodes[node].url}/api/health").json()["mode"])


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ReplicaSet, RedisCluster]]:
    with running(ReplicaSet()) as database, running(RedisCluster(1, 0)) as redis:
        yield database, redis


@pytest.fixture
async def shop(servers: tuple[ReplicaSet, RedisCluster], tmp_path: Path) -> AsyncIterator[Shop]:
    with fleet(2, settings(*servers), tmp_path) as nodes:
        async with clients_of(nodes) as clients:
            tenant = await clients.tenant("unlimited")
            products = await clients.products(tenant, 2)
            shop = Shop(nodes, clients, tenant, products)
            assert {(await shop.write(node)).status for node in (0, 1)} == {201}
            yield shop


def cli(node: Node, *arguments: str) -> None:
    done = node.cli("mode", *arguments)
    assert done.returncode == 0, done.stderr


async def test_a_mode_set_by_one_is_heeded_by_all_within_a_second_and_after_a_restart(shop: Shop) -> None:
    await asyncio.to_thread(cli, shop.nodes[0], "set", "read_only", "--reason", "moving house")

    async def refused() -> bool:
        return {(await shop.write(node)).status for node in (0, 1)} == {503}

    assert await until(refused, FOLLOWED, "a node still writes") < FOLLOWED
    seen = await shop.write(1)
    assert ('"code":"read_only"' in seen.text, seen.degraded, bool(seen.retry_after)) == (True, "read_only", True)
    assert (await shop.clients.ask(1, f"/products/{shop.products[0]}", shop.tenant)).status == 200
    await shop.clients.tenant("unlimited")  # the operator's own calls go on
    await asyncio.to_thread(shop.nodes[1].kill)
    await asyncio.to_thread(shop.nodes[1].start)
    assert (await shop.write(1)).status == 503
    assert shop.mode(1) == "read_only"
    await asyncio.to_thread(cli, shop.nodes[1], "clear")
    await until(lambda: _writes(shop), FOLLOWED, "a node still refuses")


async def _writes(shop: Shop) -> bool:
    return {(await shop.write(node)).status for node in (0, 1)} == {201}


async def test_a_mode_of_one_tenant_is_no_other_tenants(shop: Shop) -> None:
    other = await shop.clients.tenant("unlimited")
    await asyncio.to_thread(cli, shop.nodes[0], "set", "read_only", "--tenant", shop.tenant.id, "--for", "10m")

    async def refused() -> bool:
        return {(await shop.write(node)).status for node in (0, 1)} == {503}

    await until(refused, FOLLOWED, "a node still writes")
    assert (await shop.clients.ask(0, "/products", other, "POST", json={"name": "x"})).status == 201
    assert shop.mode(0) == "normal"


async def test_without_the_database_a_node_can_still_be_told(
    shop: Shop, servers: tuple[ReplicaSet, RedisCluster]
) -> None:
    primary = await asyncio.to_thread(servers[0].primary)
    for index in range(3):
        await asyncio.to_thread(servers[0].kill, index)
    try:
        failed = await asyncio.to_thread(shop.nodes[0].cli, "mode", "set", "shed")
        assert failed.returncode == 1
        assert "--here" in failed.stderr
        await asyncio.to_thread(cli, shop.nodes[0], "set", "shed", "--here")

        async def shed() -> bool:
            return shop.mode(0) == "shed"

        await until(shed, FOLLOWED, "the node does not heed its file")
        assert shop.mode(1) == "read_only"
    finally:
        for index in (primary, *(other for other in range(3) if other != primary)):
            await asyncio.to_thread(servers[0].start_member, index)
        await asyncio.to_thread(servers[0].wait_healthy)


async def test_without_a_primary_reads_go_on_from_a_secondary_and_writes_are_refused(
    shop: Shop, servers: tuple[ReplicaSet, RedisCluster]
) -> None:
    database = servers[0]
    primary = await asyncio.to_thread(database.primary)
    await asyncio.to_thread(database.kill, 2)  # the arbiter, so that nobody can be elected
    await asyncio.to_thread(database.kill, primary)
    try:
        began = time.monotonic()
        read = await shop.clients.ask(0, f"/products/{shop.products[0]}", shop.tenant)
        written = await shop.write(0)
        assert (read.status, read.degraded, written.status) == (200, "read_only", 503)
        assert '"code":"read_only"' in written.text
        assert max(seen.ended - seen.begun for seen in (read, written)) < PROMPT
        print(f"read and refused {time.monotonic() - began:.2f} s after the primary died")
        assert shop.mode(0) == "read_only"
    finally:
        await asyncio.to_thread(database.start_member, primary)
        await asyncio.to_thread(database.start_member, 2)
        await asyncio.to_thread(database.wait_healthy)
    await until(lambda: _writes(shop), 10.0, "nothing can be written")
