"""Concurrent reads of distinct ids on MongoDB: gathered into queries, as the node has it, against one find_one each."""

import asyncio
from itertools import cycle
from typing import Any

import uvloop
from pymongo import AsyncMongoClient

from bench.plot import lines
from bench.rates import rates
from bench.report import Figure, micro
from bench.scene import TENANT, Scene, document, fill, scene
from gigaday import compose
from gigaday.backends.mongo_bulk import MongoBulkStore
from gigaday.model.product import PRODUCTS

IN_FLIGHT = (1, 8, 32, 128, 1_000)
STORED, SECONDS, ROUNDS = 20_000, 1.0, 5
NAMES = ("find_one of the driver", "the store, ungathered", "the store as wired")


def run(scale: float) -> list[Figure]:
    """One ratio for each number in flight."""
    with scene("MongoDB") as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_measure(place, max(0.2, SECONDS * scale)))
    lines("cold", "Reads of distinct ids a second, by how many are in flight", IN_FLIGHT,
          {name: [rates[at] for rates in found] for at, name in enumerate(NAMES)})  # fmt: skip
    return [_figure(count, rates) for count, rates in zip(IN_FLIGHT, found, strict=True)]


def _figure(in_flight: int, found: list[float]) -> Figure:
    driver, ungathered, wired = found
    what = f"{in_flight:,} in flight: the store as wired / find_one each"
    told = f"{wired / driver:.2f}  ({wired:,.0f}/s / {driver:,.0f}/s; ungathered store {ungathered:,.0f}/s)"
    if in_flight == 1:
        return Figure(what, f"{told}; a read takes {micro(1 / wired)} / {micro(1 / driver)}")
    return Figure(what, told, ">= 8" if in_flight >= 32 else "")


async def _measure(place: Scene, seconds: float) -> list[list[float]]:
    uri = place.environ["MONGODB_URI"]
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, maxPoolSize=1_000)
    ungathered = MongoBulkStore.open(uri, wait_ms=60_000)  # a thousand connections take longer than a request may wait
    async with compose.open_backends(place.settings) as backends, client:
        await fill(backends.documents, STORED)
        products = client.get_default_database()[PRODUCTS.name]
        works = (
            lambda id: products.find_one({"createdBy": TENANT, "_id": id}),
            lambda id: ungathered.get(PRODUCTS, TENANT, id),
            lambda id: backends.documents.get(PRODUCTS, TENANT, id),
        )
        ids = cycle([document(index)["_id"] for index in range(STORED)])
        await rates(works, ids, 32, seconds, 1)  # warms up all three
        found = [await rates(works, ids, count, seconds, ROUNDS) for count in IN_FLIGHT]
    await ungathered.close()
    return found
