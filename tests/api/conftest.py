"""The whole pipeline in process: edge, origin and the embedded back ends on a temporary folder."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from gigaday import compose, settings
from gigaday.edge.asgi import App
from tests.servers.mongod import ReplicaSet
from tests.servers.redis import RedisCluster
from tests.servers.swift import Swift

_DATABASE = "pipeline"


@dataclass
class Api:
    """A running API, a tenant `acme` on a generous plan and one `other`, and the operator."""

    app: App
    http: httpx.AsyncClient
    token: str
    other: str
    operator: str

    def as_(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, token: str | None = None, **more) -> httpx.Response:
        headers = {**self.as_(token or self.token), **more.pop("headers", {})}
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **more)

    async def product(self, **fields) -> dict:
        answer = await self.call("POST", "/products", json={"name": "Bar stool", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()


@asynccontextmanager
async def running(environ: dict[str, str]) -> AsyncIterator[Api]:
    node = compose.Node(settings.load(environ))
    async with node.running():
        transport = httpx.ASGITransport(node, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            yield await _peopled(node, http)


async def _peopled(node: compose.Node, http: httpx.AsyncClient) -> Api:
    tenancy = node.tenancy
    operator = await tenancy.operator_token()
    tokens = []
    for name in ("acme", "other"):
        await tenancy.create_tenant(name, name.title(), plan="unlimited")
        tokens.append((await tenancy.create_token(name, "test"))[1])
    return Api(node, http, *tokens, operator or "")


@pytest.fixture(params=["embedded", pytest.param("production", marks=pytest.mark.live)])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path)}
    if request.param == "production":
        environ |= production(*(request.getfixturevalue(name) for name in ("replica_set", "swift", "redis_cluster")))
    async with running(environ) as api:
        yield api


def _empty(replica_set: ReplicaSet) -> None:
    """Leaves the collections and their indexes, which take longer to make than most tests."""
    with MongoClient(replica_set.uri) as client:
        for name in client[_DATABASE].list_collection_names():
            client[_DATABASE][name].delete_many({})


def production(replica_set: ReplicaSet, swift: Swift, redis: RedisCluster) -> dict[str, str]:
    """Settings for a bucket of their own on the real servers, and for a database and the Redis, emptied."""
    # Every test's tenants have the same names: what was cached or taken from their buckets is not to be met again.
    redis.flush()
    _empty(replica_set)
    return {
        "REDIS_CLUSTER_URLS": redis.urls,
        "CLUSTER_SIZE": "1",
        "MONGODB_URI": replica_set.uri.replace("/gigaday?", f"/{_DATABASE}?"),
        "MONGODB_MIN_POOL_SIZE": "0",
        "GIGADAY_PEPPER": secrets.token_hex(32),
        **swift.environ(swift.bucket()),
    }
