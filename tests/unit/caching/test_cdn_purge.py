"""Purging the CDN: soon, together, again, and never in a write's way."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from gigaday.caching.cdn_purge import CdnPurge
from gigaday.errors import BackendDown

PAUSE = 0.01


class Edge:
    """Takes purges unless `down`."""

    def __init__(self) -> None:
        self.down = False
        self.told: list[tuple[str, ...]] = []

    async def purge(self, tags: Sequence[str]) -> None:
        if self.down:
            raise BackendDown("down")
        self.told.append(tuple(tags))


async def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


@pytest.fixture
def edge() -> Edge:
    return Edge()


async def test_what_is_written_within_a_moment_goes_together(edge: Edge) -> None:
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=())
    for number in range(100):
        purge.heed([f"acme/products/{number}", "acme/products/"])
    assert edge.told == [], "no write waits for it"
    await until(lambda: edge.told)
    [told] = edge.told
    assert len(told) == 101
    assert (purge.purges, purge.owed) == (1, 0)
    await purge.close()


async def test_what_nobody_can_have_fetched_is_not_purged(edge: Edge) -> None:
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=())
    purge.heed(["operator/tokens/x", "acme/trash/t", "acme/uploads/u"])
    assert purge.owed == 0
    purge.heed(["operator/tenants/acme", "acme/media/m", "acme", "*"])
    assert purge.owed == 4
    await purge.close()


async def test_each_purge_is_repeated(edge: Edge) -> None:
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=(0.05, 0.1))
    purge.heed(["acme/products/p"])
    await until(lambda: len(edge.told) == 3)
    assert edge.told == [("acme/products/p",)] * 3
    await purge.close()


async def test_what_an_edge_misses_while_it_is_down_it_is_told_later(edge: Edge) -> None:
    edge.down = True
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=())
    purge.heed(["acme/products/p"])
    await until(lambda: purge.failures >= 2)
    assert purge.owed == 1
    purge.heed(["acme/products/q"])
    edge.down = False
    await until(lambda: purge.owed == 0)
    assert {tag for told in edge.told for tag in told} == {"acme/products/p", "acme/products/q"}
    await purge.close()


async def test_what_is_owed_stays_bounded(edge: Edge) -> None:
    edge.down = True
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=())
    for number in range(5_000):
        purge.heed([f"acme/products/{number}"])
    assert purge.owed <= 500
    edge.down = False
    await until(lambda: purge.owed == 0)
    assert "acme" in {tag for told in edge.told for tag in told}, "told as the whole tenant"
    await purge.close()


async def test_a_node_that_ends_tells_what_it_owes(edge: Edge) -> None:
    purge = CdnPurge(edge.purge, pause=60, echoes=(60,))
    purge.heed(["acme/products/p"])
    await purge.close()
    assert edge.told == [("acme/products/p",)]


async def test_a_node_ends_though_the_edge_is_down(edge: Edge) -> None:
    edge.down = True
    purge = CdnPurge(edge.purge, pause=60, echoes=())
    purge.heed(["acme/products/p"])
    await purge.close()
    assert edge.told == []
