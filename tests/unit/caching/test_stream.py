"""Tests of `caching.stream`."""

import asyncio

import pytest

from gigaday.caching.announcement import Receipt
from tests.simulation.virtual import run
from tests.unit.caching.fleet import CHANGED, Fleet, fleet_of


def test_a_stream_is_trusted_once_it_has_settled_and_stays_so() -> None:
    async def story() -> None:
        fleet, nodes = await fleet_of(2)
        for _ in range(50):
            assert all(node.trusted() and node.stream.settled for node in nodes)
            await asyncio.sleep(0.1)
        fresh = await fleet.node("n3")
        assert not fresh.trusted()
        assert not fresh.stream.settled

    run(story())


def test_the_live_nodes_are_counted() -> None:
    async def story() -> None:
        _, nodes = await fleet_of(3)
        assert [node.stream.live for node in nodes] == [3, 3, 3]
        nodes[2].link.dead = True
        await asyncio.sleep(1.5)
        assert nodes[0].stream.live == 2
        await nodes[1].stream.close()
        await asyncio.sleep(0.1)
        assert nodes[0].stream.live == 1

    run(story())


def test_nodes_that_cannot_be_heard_go_on_being_counted() -> None:
    async def story() -> None:
        _, (node, *_) = await fleet_of(3)
        node.link.deaf.until = asyncio.get_running_loop().time() + 10
        for _ in range(150):
            await asyncio.sleep(0.1)
            assert node.stream.live == 3
        assert node.trusted()

    run(story())


def test_a_gap_throws_away_what_was_cached() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await other.get()
        other.link.deaf.until = asyncio.get_running_loop().time() + 0.2
        await writer.write("new")
        await asyncio.sleep(0.5)
        assert other.stream.gaps == 1 and other.trusted()
        assert other.fresh("k") is None
        assert (await other.get()).value == "new"

    run(story())


def test_a_lost_connection_throws_away_what_was_cached_until_it_listens_again() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        await node.get()
        node.link.cut()
        await asyncio.sleep(0.01)
        assert not node.trusted() and node.fresh("k") is None
        await asyncio.sleep(2)
        assert node.trusted() and node.stream.losses == 1

    run(story())


def test_silence_ends_trust_within_a_second_and_the_node_listens_anew() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        node.link.deaf.until = asyncio.get_running_loop().time() + 3
        await asyncio.sleep(1)
        assert not node.trusted()
        await asyncio.sleep(4)
        assert node.trusted() and node.stream.losses >= 1

    run(story())


def test_a_stream_that_arrives_late_is_not_trusted_although_nothing_is_missing() -> None:
    async def story() -> None:
        _, (node,) = await fleet_of(1)
        node.link.lag = 0.9
        await asyncio.sleep(3)
        assert not node.trusted() and node.stream.losses == 0
        node.link.lag = 0.0
        await asyncio.sleep(2)
        assert node.trusted()

    run(story())


def test_a_node_that_cannot_be_heard_makes_the_others_careful_until_it_is_forgotten() -> None:
    async def story() -> None:
        _, (one, other) = await fleet_of(2)
        other.link.dead = True
        await asyncio.sleep(1)
        assert not one.trusted() and one.stream.settled
        await asyncio.sleep(5)
        assert one.trusted()

    run(story())


def test_the_last_word_of_a_node_that_died_may_have_been_lost() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        await other.get()
        other.link.deaf.until = asyncio.get_running_loop().time() + 0.2
        await writer.write("new")
        writer.link.dead = True
        await asyncio.sleep(7)
        assert other.trusted() and other.fresh("k") is None

    run(story())


def test_what_was_cached_before_the_stream_settled_is_not_trusted_with_it() -> None:
    async def story() -> None:
        fleet = Fleet()
        node = await fleet.node("n1")
        await node.get()
        await fleet.shared.invalidate(CHANGED)  # by a node that was gone before this one listened
        await asyncio.sleep(2)
        assert node.trusted() and node.fresh("k") is None

    run(story())


def test_a_goodbye_leaves_no_doubt() -> None:
    async def story() -> None:
        _, (one, other) = await fleet_of(2)
        await other.stream.close()
        for _ in range(20):
            await asyncio.sleep(0.1)
            assert one.trusted()

    run(story())


def test_what_nobody_understands_counts_as_a_gap() -> None:
    async def story() -> None:
        _, (one, other) = await fleet_of(2)
        await one.get()
        await other.link.publish(b"\xc1")
        await asyncio.sleep(0.1)
        assert one.stream.gaps == 1 and one.fresh("k") is None

    run(story())


def test_a_receipt_is_seen_where_it_has_arrived() -> None:
    async def story() -> None:
        _, (writer, other) = await fleet_of(2)
        token = await writer.write("new")
        assert writer.stream.seen(token)
        await asyncio.sleep(0.05)
        assert other.stream.seen(token)
        assert not other.stream.seen("n1.2") and not other.stream.seen("n9.0")
        assert other.stream.seen("nonsense") and other.stream.seen("")

    run(story())


def test_a_receipt_of_a_node_long_gone_keeps_nobody_from_the_cache() -> None:
    async def story() -> None:
        _, (one,) = await fleet_of(1)
        assert not one.stream.seen("gone.7")
        await asyncio.sleep(6)
        assert one.stream.seen("gone.7")

    run(story())


def test_a_purge_knows_when_every_live_node_has_it_and_how_soon() -> None:
    async def story() -> None:
        _, (one, *others) = await fleet_of(3)
        receipt = await one.cache.invalidate(CHANGED, urgent=True)
        assert await one.stream.spread(receipt, 1.0) == (3, pytest.approx(0.02, abs=0.02))
        others[0].link.deaf.until = 1e9
        receipt = await one.cache.invalidate(CHANGED, urgent=True)
        with pytest.raises(TimeoutError):
            await one.stream.spread(receipt, 0.5)
        assert receipt == Receipt("n1", 2)

    run(story())
