"""A list of 20 at its first page against page 10,000 of a large catalogue on SQLite, in turn in one run."""

import asyncio
import time

import msgspec

from bench.client import Client
from bench.report import Figure, medians
from bench.scene import Scene, fill, scene
from gigaday import compose

SORTS = ("_id", "name", "price.amount")
ITEMS, PAGE, PAGE_SIZE, STRIDE = 1_000_000, 10_000, 20, 100
ROUNDS, LISTS = 9, 20


def run(scale: float) -> list[Figure]:
    """One ratio a sort order."""
    items, page = int(ITEMS * scale), max(STRIDE // PAGE_SIZE + 1, int(PAGE * scale))
    with scene() as place:
        return asyncio.run(_measure(place, items, page))


async def _measure(place: Scene, items: int, page: int) -> list[Figure]:
    async with compose.open_backends(place.settings) as backends:
        await fill(backends.documents, items)
    async with compose.Node(place.settings).running() as app:
        client = Client(app, place.token)
        return [await _sorted(client, sort, items, page) for sort in SORTS]


async def _sorted(client: Client, sort: str, items: int, page: int) -> Figure:
    first = f"/api/v1/products?sort={sort}&limit={PAGE_SIZE}"
    far = f"{first}&cursor={await _walk(client, sort, (page - 1) * PAGE_SIZE)}"
    found = [[await _seconds(client, url) for url in (far, first)] for _ in range(ROUNDS + 1)]
    last, start = medians(found[1:])
    what = f"SQLite, {items:,} items by {sort}: page {page:,} / page 1"
    return Figure(what, f"{last / start:.2f}  ({last * 1e3:.2f} ms / {start * 1e3:.2f} ms)", "<= 1.2")


async def _walk(client: Client, sort: str, items: int) -> str:
    """The cursor after `items` items, as a client comes by it: following each page's."""
    cursor = ""
    for walked in range(0, items, STRIDE):
        url = f"/api/v1/products?sort={sort}&limit={min(STRIDE, items - walked)}"
        body = await client.get(f"{url}&cursor={cursor}" if cursor else url)
        cursor = msgspec.json.decode(body)["next"]
    return cursor


async def _seconds(client: Client, url: str) -> float:
    """Of one list, on average."""
    started = time.perf_counter()
    for _ in range(LISTS):
        await client.get(url)
    return (time.perf_counter() - started) / LISTS
