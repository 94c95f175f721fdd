"""Where benchmarks take place: a temporary folder, SQLite or a real MongoDB, a tenant and its catalogue."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gigaday import compose, settings
from gigaday.contracts import Document, DocumentStore, Insert
from gigaday.model.product import PRODUCTS
from gigaday.rules import catalogue, ids
from gigaday.settings import Settings
from tests.servers.mongod import ReplicaSet
from tests.servers.redis import RedisCluster

TENANT = "bench"
SEED = 2026
DATABASES = {"SQLite": 0, "MongoDB": 1, "MongoDB of three": 3}
"""By name, and how many members of a replica set each has."""
_CHUNK = 5_000
_EPOCH = 1_750_000_000
_MADE = {"createdBy": TENANT, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}


@dataclass(frozen=True)
class Scene:
    """`environ` holds the settings of the node under test, `token` is one of its tenant on the unlimited plan."""

    folder: Path
    environ: dict[str, str]
    token: str

    @property
    def settings(self) -> Settings:
        """The settings that `environ` says."""
        return settings.load(self.environ)

    @property
    def headers(self) -> dict[str, str]:
        """What a request shows to be let in."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def scene(database: str = "SQLite") -> Iterator[Scene]:
    """An empty scene on one of `DATABASES`; gone after. One member shares two cores with no other."""
    with tempfile.TemporaryDirectory(prefix="gigaday-bench-") as folder, _database(database) as more:
        environ = {"GIGADAY_DATA_DIR": f"{folder}/data", **more}
        token = asyncio.run(_tenant(settings.load(environ)))
        yield Scene(Path(folder), environ, token)


@contextmanager
def _database(database: str) -> Iterator[dict[str, str]]:
    if database == "SQLite":
        yield {}
        return
    members = ReplicaSet(["data"] * DATABASES[database]).start()
    try:
        yield {"MONGODB_URI": members.uri, "GIGADAY_PEPPER": "only for a benchmark"}
    finally:
        members.stop()


async def _tenant(chosen: Settings) -> str:
    async with compose.open_backends(chosen) as backends:
        work = compose.tenancy(backends, chosen)
        await work.create_tenant(TENANT, "Benchmark", "unlimited")
        return (await work.create_token(TENANT, "bench"))[1]


@contextmanager
def with_redis(place: Scene) -> Iterator[RedisCluster]:
    """Has the node under test share a real cluster of three primaries, without replicas to leave it the cores."""
    cluster = RedisCluster(replicas=0).start()
    place.environ.update({"REDIS_CLUSTER_URLS": cluster.urls, "CLUSTER_SIZE": "1"})
    try:
        yield cluster
    finally:
        cluster.stop()


def limited_token(place: Scene) -> str:
    """A token of a tenant on the free plan, whose quota load uses up at once."""

    async def make() -> str:
        async with compose.open_backends(place.settings) as backends:
            work = compose.tenancy(backends, place.settings)
            await work.create_tenant("limited", "Limited", "free")
            return (await work.create_token("limited", "bench"))[1]

    return asyncio.run(make())


def fill_now(place: Scene, count: int) -> None:
    """`fill`, over back ends of its own."""

    async def fill_and_close() -> None:
        async with compose.open_backends(place.settings) as backends:
            await fill(backends.documents, count)

    asyncio.run(fill_and_close())


def document(index: int) -> Document:
    """The stored product number `index`."""
    id = ids.make(_EPOCH + index / 100, index.to_bytes(10, "big"))
    return {"_id": id, **_MADE, "version": 1, "mediaIds": [], **catalogue.product(SEED, index)}


async def fill(store: DocumentStore, count: int) -> None:
    """Puts `count` products into the tenant's catalogue."""
    for start in range(0, count, _CHUNK):
        writes = [Insert(document(index)) for index in range(start, min(start + _CHUNK, count))]
        await store.write(PRODUCTS, TENANT, writes)
