"""Without any database, what is cached is served on, and what is not is refused as an outage: never as a bad token."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gigaday.rules import ids
from tests.live.load import SETTLED
from tests.live.test_three_nodes import clients_of, settings
from tests.live.traffic import Clients, Seen, Tenant, until
from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.node import fleet
from tests.servers.redis import RedisCluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
NODES = 2
MANY = 10
"""Calls that are certain to open a breaker."""
PROMPT = 1.0
"""Seconds within which an outage is told."""


@dataclass
class Shop:
    """A tenant with a product that every node has cached, one that none has, and a token that none has seen."""

    database: ReplicaSet
    redis: RedisCluster
    clients: Clients
    tenant: Tenant
    stranger: Tenant
    cached: str
    uncached: str
    urls: list[str]

    async def each(self, product: str, tenant: Tenant | None = None) -> list[Seen]:
        """A read on every node."""
        path = f"/products/{product}"
        return await asyncio.gather(*(self.clients.ask(n, path, tenant or self.tenant) for n in range(NODES)))

    async def warm(self) -> bool:
        """Whether the nodes hold the product and believe it for longer than by its age."""
        await self.each(self.cached)
        await asyncio.sleep(1.1)
        return all(seen.cached for seen in await self.each(self.cached))


@pytest.fixture
def servers() -> Iterator[tuple[ReplicaSet, RedisCluster]]:
    """Of the test's own, to be killed."""
    with running(ReplicaSet(("data",))) as database, running(RedisCluster(1, 0)) as redis:
        yield database, redis


@pytest.fixture
async def shop(servers: tuple[ReplicaSet, RedisCluster], tmp_path: Path) -> AsyncIterator[Shop]:
    with fleet(NODES, settings(*servers), tmp_path) as nodes:
        async with clients_of(nodes) as clients:
            tenant = await clients.tenant("unlimited")
            made = (await clients.call("POST", "/tokens", tenant.token, json={"name": "b"})).json()
            stranger = Tenant(tenant.id, made["token"], made["_id"])
            products = await clients.products(tenant, 2)
            shop = Shop(*servers, clients, tenant, stranger, *products, [node.url for node in nodes])
            await until(shop.warm, SETTLED, "nothing is cached")
            yield shop


async def test_what_is_cached_is_served_and_the_rest_is_refused_as_an_outage(shop: Shop) -> None:
    await asyncio.to_thread(shop.database.kill, 0)
    refused = asyncio.gather(
        shop.each(shop.uncached),
        shop.each(shop.cached, shop.stranger),
        asyncio.gather(shop.clients.ask(0, f"/products/{shop.cached}", shop.tenant, "PATCH", json={"name": "new"})),
    )
    while not refused.done():
        assert [(seen.status, seen.cached) for seen in await shop.each(shop.cached)] == [(200, True)] * NODES
        await asyncio.sleep(0.1)
    answers = [seen for part in await refused for seen in part]
    assert {seen.status for seen in answers} == {503}
    assert all(seen.retry_after for seen in answers)
    slowest = max(seen.ended - seen.begun for seen in answers)
    print(f"refused after {slowest:.2f} s at the most")
    assert slowest < PROMPT
    [written] = (await refused)[2]
    assert '"code":"read_only"' in written.text


async def test_all_is_well_again_when_it_is_back(shop: Shop) -> None:
    await asyncio.to_thread(shop.database.kill, 0)
    assert {seen.status for seen in await shop.each(shop.uncached)} == {503}
    await asyncio.to_thread(shop.database.start_member, 0)
    returned = time.monotonic()

    async def served() -> bool:
        found = [*await shop.each(shop.uncached), *await shop.each(shop.cached, shop.stranger)]
        return {seen.status for seen in found} == {200}

    await until(served, SETTLED, "nodes do not come back")
    print(f"served again after {time.monotonic() - returned:.1f} s")
    version = (await shop.each(shop.cached))[0].version
    await until(lambda: _writes(shop), SETTLED, "nothing can be written")
    await until(lambda: _shows(shop, version + 1), SETTLED, "a write is not seen")


async def _writes(shop: Shop) -> bool:
    path = f"/products/{shop.cached}"
    return (await shop.clients.ask(0, path, shop.tenant, "PATCH", json={"name": "new"})).status == 200


async def test_a_database_that_freezes_costs_each_caller_little_and_no_liveness(shop: Shop) -> None:
    await asyncio.to_thread(shop.database.freeze, 0)
    try:
        unknown = [ids.make(time.time(), os.urandom(10)) for _ in range(MANY)]
        first = await asyncio.gather(*(shop.each(product) for product in unknown))
        assert {seen.status for answers in first for seen in answers} == {503}
        async with httpx.AsyncClient() as http:
            assert {(await http.get(f"{url}/livez")).status_code for url in shop.urls} == {200}
        later = await shop.each(shop.uncached) + await shop.each(shop.cached)
        assert [seen.status for seen in later] == [503, 503, 200, 200]
        assert max(seen.ended - seen.begun for seen in later) < PROMPT, "everybody goes on waiting"
    finally:
        await asyncio.to_thread(shop.database.thaw, 0)

    async def served() -> bool:
        return {seen.status for seen in await shop.each(shop.uncached)} == {200}

    await until(served, SETTLED, "nodes do not come back")


async def _shows(shop: Shop, version: int) -> bool:
    return {seen.version for seen in await shop.each(shop.cached)} == {version}


async def test_without_redis_too_what_was_cached_is_served_and_says_that_it_may_be_old(shop: Shop) -> None:
    await asyncio.to_thread(shop.database.kill, 0)
    await asyncio.to_thread(shop.redis.kill_all)
    await asyncio.sleep(1.5)
    for _ in range(20):
        answers = await shop.each(shop.cached)
        assert [seen.status for seen in answers] == [200] * NODES
        assert all("stale" in seen.degraded for seen in answers)
        await asyncio.sleep(0.2)
    assert max(seen.ended - seen.begun for seen in answers) < 1, "only the first waited for the database"
