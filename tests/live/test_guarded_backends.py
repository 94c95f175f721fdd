"""The whole pipeline over a database and an object store that are slow, lose replies or are gone, by fault proxies."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest

from gigaday.lab.fault_proxy import Proxies, Proxy
from gigaday.lab.toxics import Toxic
from tests.api.conftest import Api, production, running
from tests.api.test_media import png, upload
from tests.servers.mongod import ReplicaSet
from tests.servers.redis import RedisCluster
from tests.servers.swift import Swift

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
POOL = 4
PROMPT = 1.0


@dataclass
class Faulty:
    """The API, and what lies between it and each back end."""

    api: Api
    database: Proxy
    storage: Proxy

    async def get(self, path: str) -> tuple[int, float]:
        """Status and seconds."""
        began = time.monotonic()
        answer = await self.api.call("GET", path)
        return answer.status_code, time.monotonic() - began

    async def health(self) -> httpx.Response:
        return await self.api.http.get("/api/health")


@pytest.fixture
async def faulty(
    replica_set: ReplicaSet, swift: Swift, redis_cluster: RedisCluster, tmp_path: Path
) -> AsyncIterator[Faulty]:
    proxies = Proxies(Random(1))
    environ = production(replica_set, swift, redis_cluster)
    uri = urlsplit(environ["MONGODB_URI"])
    primary = uri.netloc.split(",")[await asyncio.to_thread(replica_set.primary)]
    database = await proxies.create("database", "127.0.0.1:0", primary)
    storage = await proxies.create("storage", "127.0.0.1:0", urlsplit(environ["S3_ENDPOINT"]).netloc)
    environ |= {
        "GIGADAY_DATA_DIR": str(tmp_path),
        "MONGODB_URI": f"mongodb://{database.listen}{uri.path}?directConnection=true",
        "MONGODB_MAX_POOL_SIZE": str(POOL),
        "S3_ENDPOINT": f"http://{storage.listen}",
    }
    try:
        async with running(environ) as api:
            yield Faulty(api, database, storage)
            await proxies.reset()
    finally:
        await proxies.close()


async def _names(api: Api) -> list[str]:
    return [item["name"] for item in (await api.call("GET", "/products?limit=100")).json()["data"]]


async def test_a_write_whose_reply_is_lost_is_applied_once(faulty: Faulty) -> None:
    api = faulty.api
    faulty.database.add(Toxic(type="lost_reply", attributes={"contains": ["insert", "products"], "times": 1}))
    answer = await api.call("POST", "/products", json={"name": "once"}, headers={"Idempotency-Key": "k1"})
    again = await api.call("POST", "/products", json={"name": "once"}, headers={"Idempotency-Key": "k1"})
    assert {answer.status_code, again.status_code} <= {201, 503}
    done = await api.call("POST", "/products", json={"name": "once"}, headers={"Idempotency-Key": "k1"})
    assert done.status_code == 201
    made = [one.json()["_id"] for one in (answer, again, done) if one.status_code == 201]
    assert len(set(made)) == 1
    faulty.database.remove("lost_reply_downstream")
    assert await _names(api) == ["once"]


async def test_a_slow_database_makes_callers_wait_or_sheds_them_soon_and_harms_no_liveness(faulty: Faulty) -> None:
    warm = await asyncio.gather(*(faulty.get(f"/products?limit={100 - n}") for n in range(POOL)))
    assert {status for status, _ in warm} == {200}
    faulty.database.add(Toxic(type="latency", attributes={"latency": 2_000}))
    calls = [asyncio.create_task(faulty.get(f"/products?limit={n}")) for n in range(1, 5 * POOL)]
    began = time.monotonic()
    assert (await faulty.api.http.get("/livez")).status_code == 200
    assert (await faulty.health()).status_code in (200, 503)
    assert time.monotonic() - began < PROMPT
    answers = await asyncio.gather(*calls)
    assert {status for status, _ in answers} == {200, 503}
    shed = [seconds for status, seconds in answers if status == 503]
    print(f"{len(shed)} of {len(answers)} shed, after {max(shed):.2f} s at the most")
    assert max(shed) < PROMPT


async def test_without_the_object_store_uploads_are_refused_and_leave_nothing_and_the_rest_goes_on(
    faulty: Faulty,
) -> None:
    api = faulty.api
    known = await upload(api, png(), "known.png")
    await faulty.storage.down()
    began = time.monotonic()
    refused = await api.call("POST", "/media", content=png(), headers={"X-Filename": "lost.png"})
    assert (refused.status_code, bool(refused.headers["retry-after"])) == (503, True)
    print(f"refused after {time.monotonic() - began:.2f} s")
    listed = (await api.call("GET", "/media")).json()["data"]
    assert [item["_id"] for item in listed] == [known["_id"]]
    assert (await faulty.get(f"/media/{known['_id']}"))[0] == 200
    began = time.monotonic()
    await faulty.health()
    assert time.monotonic() - began < PROMPT
    await faulty.storage.up()
    await _until_uploaded(api)


async def _until_uploaded(api: Api) -> None:
    deadline = time.monotonic() + 10
    while (await api.call("POST", "/media", content=png())).status_code != 201:
        assert time.monotonic() < deadline, "uploads stay refused"
        await asyncio.sleep(0.1)
