"""Tests of `caching.invalidation`."""

import asyncio

from gigaday.caching.announcement import Receipt
from tests.simulation.virtual import run
from tests.unit.caching.fleet import CHANGED, TAGS, Fleet, Node, fleet_of


def test_alone_there_is_nobody_to_tell() -> None:
    async def story() -> None:
        node = Node(Fleet(), alone=True)
        await node.get()
        assert await node.cache.invalidate(CHANGED) == Receipt()
        assert node.fresh("k") is None
        assert node.invalidation.seen("whatever.1")

    run(story())


def test_the_value_is_gone_here_before_anything_is_awaited() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        await node.get()
        going = asyncio.create_task(node.cache.invalidate(CHANGED))
        await asyncio.sleep(0)
        assert node.fresh("k") is None
        assert not node.invalidation.believed(TAGS)
        await going
        assert node.invalidation.believed(TAGS)

    run(story())


def test_receipts_count_up_and_many_at_once_share_one() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        assert await node.cache.invalidate(CHANGED) == Receipt("n1", 1)
        receipts = await asyncio.gather(*(node.cache.invalidate([f"acme/products/{n}"]) for n in range(100)))
        assert {receipt.seq for receipt in receipts} == {2}

    run(story())


def test_a_shared_cache_that_is_down_is_mended_later_and_not_believed_until_then_on_any_node() -> None:
    async def story() -> None:
        fleet, (writer, other) = await fleet_of(2)
        await writer.get()
        await asyncio.sleep(0.1)
        fleet.shared.down.until = asyncio.get_running_loop().time() + 3
        await writer.write("new")
        await asyncio.sleep(0.1)
        fleet.shared.down.until = 0.0
        assert not writer.invalidation.believed(TAGS) and not other.invalidation.believed(TAGS)
        assert await other.get() == ("new", "miss")
        await asyncio.sleep(2)
        assert writer.invalidation.believed(TAGS) and other.invalidation.believed(TAGS)
        assert (await fleet.shared.get("k", TAGS)).value is None

    run(story())


def test_what_a_dead_node_owed_the_others_mend() -> None:
    async def story() -> None:
        fleet, (writer, other) = await fleet_of(2)
        await writer.get()
        await asyncio.sleep(0.1)
        fleet.shared.down.until = 1e9
        await writer.write("new")
        await asyncio.sleep(0.5)
        writer.link.dead = True
        await writer.invalidation.close()
        await writer.stream.close()
        fleet.shared.down.until = 0.0
        await asyncio.sleep(1)
        assert not other.invalidation.believed(TAGS)
        await asyncio.sleep(6)
        assert other.invalidation.believed(TAGS)
        assert (await other.get()).value == "new"

    run(story())


def test_a_bus_that_is_down_fails_no_invalidation() -> None:
    async def story() -> None:
        fleet, (node,) = await fleet_of(1)
        fleet.bus.fail(1e9)
        assert (await node.cache.invalidate(CHANGED)).seq == 1

    run(story())


def test_a_caller_that_goes_away_stops_no_invalidation() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await other.get()
        going = asyncio.create_task(writer.cache.invalidate(CHANGED))
        await asyncio.sleep(0)
        going.cancel()
        await asyncio.sleep(0.1)
        assert other.fresh("k") is None

    run(story())


def test_more_tags_than_fit_one_message_all_arrive() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await other.get()
        await writer.cache.invalidate([*(f"acme/products/{n}" for n in range(1000, 2200)), *CHANGED])
        await asyncio.sleep(0.1)
        assert other.fresh("k") is None and other.stream.gaps == 0

    run(story())


def test_followers_are_told_of_what_their_own_node_invalidates_alone() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        told: dict[str, list[object]] = {"writer": [], "other": []}
        writer.invalidation.follow(told["writer"].append)
        other.invalidation.follow(told["other"].append)
        await writer.cache.invalidate(CHANGED)
        await asyncio.sleep(1)
        assert told == {"writer": [CHANGED], "other": []}

    run(story())
