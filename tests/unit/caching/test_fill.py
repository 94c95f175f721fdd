"""Tests of `caching.fill`."""

import asyncio

import pytest

from gigaday.errors import BackendDown
from gigaday.rules.freshness import Lifetime
from tests.simulation.virtual import run
from tests.unit.caching.fleet import TAGS, fleet_of, together


def test_what_one_node_loaded_the_others_find() -> None:
    async def story() -> None:
        fleet, (one, other) = await fleet_of(2)
        await one.get()
        await asyncio.sleep(0.1)
        assert await other.get() == ("old", "shared")
        assert fleet.source.loads == 1 and other.cache.shared_hits == 1

    run(story())


def test_a_fleet_that_misses_at_once_loads_once() -> None:
    async def story() -> None:
        fleet, nodes = await fleet_of(5)
        assert await together(*(node.get() for node in nodes)) == {("old", "miss"), ("old", "shared")}
        assert fleet.source.loads == 1

    run(story())


def test_nobody_waits_long_for_another_nodes_load() -> None:
    async def story() -> None:
        fleet, nodes = await fleet_of(2)
        fleet.source.seconds = 10
        first = asyncio.create_task(nodes[0].get())
        await asyncio.sleep(0.05)
        fleet.source.seconds = 0.01
        async with asyncio.timeout(0.15):
            assert await nodes[1].get() == ("old", "miss")
        first.cancel()

    run(story())


def test_nobody_waits_for_a_load_from_before_an_invalidation() -> None:
    async def story() -> None:
        fleet, (one, other) = await fleet_of(2)
        fleet.source.seconds = 10
        slow = asyncio.create_task(one.get())
        await asyncio.sleep(0.1)
        await one.write("new")
        fleet.source.seconds = 0.001
        async with asyncio.timeout(0.03):
            assert (await other.get()).value == "new"
        slow.cancel()

    run(story())


def test_a_shared_cache_that_is_down_only_costs_a_load() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        fleet.shared.down.until = 1e9
        assert await node.get() == ("old", "miss")
        assert node.fresh("k") == "old"

    run(story())


def test_what_another_version_stored_is_loaded_anew() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        stamp = (await fleet.shared.get("k", TAGS)).stamp
        await fleet.shared.set("k", b"\xff\xfe", 60, stamp)
        assert await node.get() == ("old", "miss")

    run(story())


def test_one_node_renews_for_all() -> None:
    async def story() -> None:
        fleet, nodes = await fleet_of(4)
        lifetime = Lifetime(ttl=10, stale_while_revalidate=5)
        for node in nodes:
            await node.get(lifetime)
        await asyncio.sleep(9.95)
        fleet.source.loads, fleet.source.seconds = 0, 0.03
        await asyncio.sleep(0.3)
        await asyncio.gather(*(node.get(lifetime) for node in nodes))
        await asyncio.sleep(1)
        assert fleet.source.loads == 1

    run(story())


def test_nobody_waits_for_a_load_that_failed() -> None:
    async def story() -> None:
        fleet, nodes = await fleet_of(2)
        fleet.source.down = True
        for node in (*nodes, *nodes):
            async with asyncio.timeout(0.05):
                with pytest.raises(BackendDown):
                    await node.get()
            await asyncio.sleep(0.01)  # until it has been told

    run(story())
