"""Concurrent creates: as the node has it (gathered into bulks), against one insert each, acknowledged by a majority."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import uvloop
from pymongo import AsyncMongoClient, WriteConcern

from bench.plot import lines
from bench.rates import Work, rates
from bench.report import Figure
from bench.scene import TENANT, Scene, document, scene
from gigaday import compose
from gigaday.compose import Backends
from gigaday.contracts import Document, Insert
from gigaday.model.product import PRODUCTS
from gigaday.rules import ids

IN_FLIGHT = (1, 8, 32, 128, 1_000)
SECONDS, ROUNDS = 1.0, 3
_FIRST = 1_800_000_000
_Found = list[list[float]]


def run(scale: float) -> list[Figure]:
    """One ratio for each number in flight on MongoDB; on SQLite, what committing in groups brings."""
    seconds = max(0.2, SECONDS * scale)
    found = {database: _on(database, seconds) for database in ("MongoDB of three", "MongoDB", "SQLite")}
    series = {
        f"{database}, {who}": [rates[at] for rates in found[database]]
        for database in ("MongoDB of three", "MongoDB")
        for at, who in enumerate(("insert_one each", "as wired"))
    }
    series["SQLite"] = [rates[0] for rates in found["SQLite"]]
    lines("creates", "Creates a second, by how many are in flight", IN_FLIGHT, series)
    return [
        *_against_single("MongoDB of three members", found["MongoDB of three"]),
        *_against_single("MongoDB of one member", found["MongoDB"]),
        *_against_one(found["SQLite"]),
    ]


def _against_single(database: str, found: _Found) -> Iterator[Figure]:
    for in_flight, (single, wired) in zip(IN_FLIGHT, found, strict=True):
        told = f"{wired / single:.2f}  ({wired:,.0f}/s / {single:,.0f}/s)"
        aim = ">= 4" if in_flight >= 32 else ""
        yield Figure(f"{database}, {in_flight:,} in flight: as wired / insert_one each", told, aim)


def _against_one(found: _Found) -> Iterator[Figure]:
    (one,), *more = found
    for in_flight, (wired,) in zip(IN_FLIGHT[1:], more, strict=True):
        told = f"{wired / one:.2f}  ({wired:,.0f}/s / {one:,.0f}/s)"
        yield Figure(f"SQLite, commits in groups: {in_flight:,} in flight / 1", told)


def _on(database: str, seconds: float) -> _Found:
    with scene(database) as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(place, seconds))


async def _measure(place: Scene, seconds: float) -> _Found:
    async with compose.open_backends(place.settings) as backends:
        if "MONGODB_URI" not in place.environ:
            return await _compare([_wired(backends)], seconds)
        # Connections as the node's own client has them.
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(place.environ["MONGODB_URI"], maxPoolSize=1_000)
        async with client:
            return await _compare([_single(client), _wired(backends)], seconds)


async def _compare(works: list[Work[Document]], seconds: float) -> _Found:
    documents = _documents()
    await rates(works, documents, 32, seconds, 1)  # warms both up
    return [await rates(works, documents, in_flight, seconds, ROUNDS) for in_flight in IN_FLIGHT]


def _single(client: AsyncMongoClient[dict[str, Any]]) -> Work[Document]:
    products = client.get_default_database().get_collection(PRODUCTS.name, write_concern=WriteConcern(w="majority"))
    return products.insert_one


def _wired(backends: Backends) -> Work[Document]:
    async def create(product: Document) -> None:
        if await backends.documents.write(PRODUCTS, TENANT, [Insert(product)]) != ["applied"]:
            raise RuntimeError("a product was not created")

    return create


def _documents() -> Iterator[Document]:
    """Ever new ones; alike but for their ids, so that making them takes no time from what is measured."""
    like = document(0)
    return ({**like, "_id": ids.make(_FIRST + index / 100, index.to_bytes(10, "big"))} for index in count())
