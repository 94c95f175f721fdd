"""Two thousand concurrent GETs of one expired key through the whole pipeline: reads of the origin, and their cost."""

import asyncio
import time

import uvloop

from bench.client import Client
from bench.pipeline import pipeline
from bench.plot import bars
from bench.report import Figure, medians
from bench.scene import Scene, document, fill_now, scene
from gigaday.model.product import PRODUCTS

GETS, ROUNDS = 2_000, 7
_EXPIRED = 2.0
"""Seconds after which no answer of this process is believed any more."""


def run(scale: float) -> list[Figure]:
    """Reads of the origin on either database, by the default settings."""
    gets = max(100, int(GETS * scale))
    return [figure for database in ("SQLite", "MongoDB") for figure in _on(database, gets)]


def _on(database: str, gets: int) -> list[Figure]:
    with scene(database) as place:
        fill_now(place, 10)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            reads, expired, hits = runner.run(_measure(place, gets))
    bars(f"stampede-{database.lower()}", f"Milliseconds for {gets:,} concurrent GETs of one key on {database}",
         {"all hits": hits * 1e3, "expired, one load": expired * 1e3})  # fmt: skip
    times = f"{expired / hits:.2f}  ({expired * 1e3:.1f} ms / {hits * 1e3:.1f} ms)"
    return [
        Figure(f"{database}: reads of the origin for {gets:,} GETs of an expired key", f"{reads:g}", "1"),
        Figure(f"{database}: time for them / for as many hits", times),
    ]


async def _measure(place: Scene, gets: int) -> tuple[float, float, float]:
    """The most reads of any round; median seconds for the expired and for the fresh."""
    async with pipeline(place.settings) as node:
        clients = [Client(node.app, place.token) for _ in range(gets)]
        url = f"/api/v1/products/{document(0)['_id']}"
        reads, found = 0, []
        for _ in range(ROUNDS):
            node.clock.ahead += _EXPIRED
            before = node.store.reads.get(PRODUCTS.name, 0)
            expired = await _seconds(clients, url)
            reads = max(reads, node.store.reads[PRODUCTS.name] - before)
            found.append([expired, await _seconds(clients, url)])
    expired, hits = medians(found)
    return reads, expired, hits


async def _seconds(clients: list[Client], url: str) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(client.get(url) for client in clients))
    return time.perf_counter() - started
