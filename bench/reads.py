"""CPU of a point read through the whole API, cached for a second, against the bare driver's, in turn in one run."""

import asyncio
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import msgspec
import uvloop
from pymongo import AsyncMongoClient

from bench import processes
from bench.client import Client
from bench.report import Figure, medians, micro
from bench.scene import TENANT, Scene, document, fill, scene
from gigaday import compose
from gigaday.edge.asgi import App
from gigaday.model.product import PRODUCTS

AIM = "<= 1.6 in process"
PRODUCTS_READ, READS, ROUNDS = 10_000, 20_000, 7
AT_ONCE = (1, 50)
Read = Callable[[str], Awaitable[object]]


def run(scale: float) -> list[Figure]:
    """One ratio a database in process, and one for the served process."""
    reads = max(PRODUCTS_READ, int(READS * scale))
    return [figure for database in ("SQLite", "MongoDB") for figure in _on(database, reads)]


def _on(database: str, reads: int) -> list[Figure]:
    with scene(database) as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_compare(place, reads))
        served = _served(place, reads)
    return [
        *(
            Figure(f"{database}: whole API / bare driver, in process, {at_once} at once", _ratio(*found[at_once]), AIM)
            for at_once in AT_ONCE
        ),
        Figure(f"{database}: served process with its HTTP / bare driver", _ratio(served, found[AT_ONCE[0]][1])),
    ]


def _ratio(whole: float, bare: float) -> str:
    return f"{whole / bare:.2f}  ({micro(whole)} / {micro(bare)})"


async def _compare(place: Scene, reads: int) -> dict[int, list[float]]:
    keys = [document(index)["_id"] for index in range(PRODUCTS_READ)]
    async with compose.open_backends(place.settings) as backends:
        await fill(backends.documents, PRODUCTS_READ)
    node = compose.Node(place.settings)
    async with node.running() as app:
        if "MONGODB_URI" in place.environ:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(place.environ["MONGODB_URI"])
            async with client:
                return await _measure(app, place, _find(client), keys, reads)
        with closing(sqlite3.connect(place.settings.data_dir / "gigaday.sqlite")) as connection:
            return await _measure(app, place, _select(connection), keys, reads)


def _find(client: AsyncMongoClient[dict[str, Any]]) -> Read:
    products = client.get_default_database()[PRODUCTS.name]
    return lambda id: products.find_one({"createdBy": TENANT, "_id": id})


def _select(connection: sqlite3.Connection) -> Read:
    statement = f"SELECT doc FROM {PRODUCTS.name} WHERE createdBy = ? AND _id = ?"

    async def read(id: str) -> object:
        return msgspec.json.decode(connection.execute(statement, (TENANT, id)).fetchone()[0])

    return read


async def _measure(app: App, place: Scene, bare: Read, keys: list[str], reads: int) -> dict[int, list[float]]:
    """Seconds of CPU a read, of the whole API and of the driver, by how many are asked for at once."""

    def whole(id: str) -> Awaitable[object]:
        return Client(app, place.token).get(f"/api/v1/products/{id}")

    found: dict[int, list[float]] = {}
    for at_once in AT_ONCE:
        rounds = [[await _cpu(read, keys, reads, at_once) for read in (whole, bare)] for _ in range(ROUNDS + 1)]
        found[at_once] = medians(rounds[1:])  # the first warms both up
    return found


async def _cpu(read: Read, keys: list[str], reads: int, at_once: int) -> float:
    started = time.process_time()
    for number in range(0, reads, at_once):
        asked = (read(keys[place % len(keys)]) for place in range(number, number + at_once))
        if None in await asyncio.gather(*asked):
            raise RuntimeError("a product is lacking")
    return (time.process_time() - started) / reads


def _served(place: Scene, reads: int) -> float:
    """Seconds of CPU of the served process a read, HTTP and all."""
    path = f"/api/v1/products/{document(0)['_id']}"
    with processes.serving(place.environ) as served:
        load = _wrk if shutil.which("wrk") else _one_after_another
        load(served, place, path, reads // 10)
        started = processes.cpu(served.worker)
        count = load(served, place, path, reads)
        return (processes.cpu(served.worker) - started) / count


def _wrk(served: processes.Served, place: Scene, path: str, reads: int) -> int:
    url = f"http://127.0.0.1:{served.port}{path}"
    header = f"Authorization: Bearer {place.token}"
    seconds = max(1, reads // 4_000)
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-H", header, url]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(int(line.split()[0]) for line in lines if " requests in " in line)


def _one_after_another(served: processes.Served, place: Scene, path: str, reads: int) -> int:
    with closing(served.connect()) as connection:
        for _ in range(reads):
            connection.request("GET", path, headers=place.headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}")
    return reads
