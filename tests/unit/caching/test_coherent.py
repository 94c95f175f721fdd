"""Tests of `caching.coherent`."""

import asyncio

import pytest

from gigaday.errors import BackendDown
from gigaday.rules.freshness import Lifetime
from tests.simulation.virtual import run
from tests.unit.caching.fleet import CHANGED, Fleet, Node, fleet_of, together

SHORT = Lifetime(ttl=10, stale_while_revalidate=5, stale_if_error=60)


def test_a_value_is_loaded_once_and_then_fresh() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        assert node.fresh("k") is None
        assert await node.get() == ("old", "miss")
        await asyncio.sleep(30)
        assert node.fresh("k") == "old"
        assert await node.get() == ("old", "hit")
        assert (fleet.source.loads, node.cache.misses, node.cache.hits) == (1, 1, 2)

    run(story())


def test_two_thousand_readers_of_one_key_cause_one_load() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        assert await together(*(node.get() for _ in range(2000))) == {("old", "miss")}
        assert fleet.source.loads == 1

    run(story())


def test_without_a_stream_a_value_is_fresh_for_a_second_from_the_beginning_of_its_load() -> None:
    async def story() -> None:
        fleet = Fleet()
        node = Node(fleet, alone=True)
        fleet.source.seconds = 0.3
        await node.get()
        await asyncio.sleep(0.65)
        assert node.fresh("k") == "old"
        await asyncio.sleep(0.1)
        assert node.fresh("k") is None
        assert await node.get() == ("old", "miss")

    run(story())


def test_a_write_is_seen_at_once_on_its_node_and_soon_on_the_others() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await asyncio.gather(writer.get(), other.get())
        await writer.write("new")
        assert (await writer.get()).value == "new"
        await asyncio.sleep(0.05)
        assert other.fresh("k") is None
        assert (await other.get()).value == "new"

    run(story())


def test_a_slow_load_does_not_store_what_an_invalidation_has_overtaken() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        fleet.source.seconds = 0.5
        slow = asyncio.create_task(node.get())
        await asyncio.sleep(0.1)
        await node.write("new")
        later = asyncio.create_task(node.get())
        assert (await slow).value == "old"
        assert node.fresh("k") is None
        assert (await later).value == "new"
        assert node.fresh("k") == "new" and node.cache.tainted == 1

    run(story())


def test_a_receipt_that_has_not_arrived_is_honoured_by_a_direct_load() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await other.get()
        other.link.deaf.until = 1e9
        token = await writer.write("new")
        assert not other.invalidation.seen(token)
        assert await other.get(direct=True) == ("new", "miss")
        assert writer.invalidation.seen(token)

    run(story())


def test_a_value_is_renewed_before_its_end_and_served_meanwhile() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        fleet.source.seconds = 1  # the longer, the earlier
        await node.get(SHORT)
        await asyncio.sleep(8.5)
        fleet.source.value = "renewed"
        assert node.fresh("k") is None
        assert await together(*(node.get(SHORT) for _ in range(100))) == {("old", "hit")}
        await asyncio.sleep(1.1)
        assert node.fresh("k") == "renewed" and fleet.source.loads == 2

    run(story())


def test_past_its_end_it_is_served_stale_while_one_load_renews_it() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        await node.get(SHORT)
        await asyncio.sleep(12)
        assert await together(*(node.get(SHORT) for _ in range(100))) == {("old", "stale")}
        await asyncio.sleep(0.1)
        assert node.fresh("k") == "old" and fleet.source.loads == 2

    run(story())


def test_nothing_is_served_stale_where_the_stream_is_not_trusted() -> None:
    async def story() -> None:
        fleet = Fleet()
        node = Node(fleet, alone=True)
        await node.get(SHORT)
        await asyncio.sleep(12)
        assert await node.get(SHORT) == ("old", "miss")

    run(story())


def test_an_old_value_stands_in_while_loads_fail_and_no_longer_than_allowed() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        await node.get(SHORT)
        fleet.source.down = True
        await asyncio.sleep(20)
        assert await together(*(node.get(SHORT) for _ in range(100))) == {("old", "degraded")}
        assert fleet.source.loads == 2
        assert await node.get(SHORT) == ("old", "degraded")
        assert fleet.source.loads == 2, "not tried again within a second"
        await asyncio.sleep(55)
        with pytest.raises(BackendDown):
            await node.get(SHORT)

    run(story())


def test_a_lost_stream_keeps_old_values_for_the_case_that_loads_fail() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        await node.get()
        fleet.bus.fail(1e9)
        fleet.shared.down.until = 1e9
        fleet.source.down = True
        await asyncio.sleep(280)
        assert await node.get() == ("old", "degraded")
        await asyncio.sleep(40)
        with pytest.raises(BackendDown):
            await node.get()

    run(story())


def test_once_a_load_has_failed_nobody_waits_for_another_where_an_old_value_may_stand_in() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        await node.get(SHORT)
        fleet.source.down, fleet.source.fails_after = True, 5.0
        await asyncio.sleep(20)
        await node.get(SHORT)
        began = asyncio.get_running_loop().time()
        for _ in range(10):
            await asyncio.sleep(1.5)
            assert await node.get(SHORT) == ("old", "degraded")
        assert asyncio.get_running_loop().time() - began < 16
        assert fleet.source.loads <= 5, "one at a time tries again"
        fleet.source.down = False
        await asyncio.sleep(6)
        await node.get(SHORT)
        await asyncio.sleep(0.1)
        assert await node.get(SHORT) == ("old", "hit")

    run(story())


def test_what_is_known_to_have_changed_never_stands_in() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        await node.get()
        fleet.source.down = True
        await node.cache.invalidate(CHANGED)
        with pytest.raises(BackendDown):
            await node.get()

    run(story())


def test_each_value_may_have_a_lifetime_of_its_own() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        await node.get(lambda value: Lifetime(ttl=5 if value == "old" else 3600, stale_while_revalidate=0))
        await asyncio.sleep(6)
        assert node.fresh("k") is None

    run(story())


def test_other_errors_of_a_load_pass_through() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)

        async def fails() -> str:
            raise LookupError("none")

        with pytest.raises(LookupError):
            await node.cache.fetch("k", (), fails, SHORT)

    run(story())


def test_what_is_held_is_given_however_old_and_never_loaded() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        assert node.cache.held("k") is None
        await node.get(SHORT)
        assert node.cache.held("k") == ("old", "hit")
        await asyncio.sleep(20)
        assert node.cache.held("k") == ("old", "degraded")
        await asyncio.sleep(60)
        assert node.cache.held("k") is None
        assert fleet.source.loads == 1

    run(story())


def test_what_is_fresh_stays_so_as_long_as_it_says_while_the_version_stays() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        assert node.cache.fresh_until("k") < 0
        await node.get()
        version, until = node.cache.version, node.cache.fresh_until("k")
        await asyncio.sleep((until - asyncio.get_running_loop().time()) / 2)
        assert (node.fresh("k"), node.cache.version) == ("old", version)
        await node.cache.invalidate(CHANGED)
        assert node.cache.version > version
        assert node.cache.fresh_until("k") < 0

    run(story())
