"""What a scrape of `/metrics` tells of the requests before it, and to whom it tells nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gigaday import compose, settings
from gigaday.ops.health import Health, Probe
from tests import pictures


class Held:
    """A store whose writes wait until they are let go."""

    def __init__(self, store) -> None:
        self._store, self.reached, self.go_on = store, asyncio.Event(), asyncio.Event()

    async def write(self, collection, owner, writes):
        self.reached.set()
        await self.go_on.wait()
        return await self._store.write(collection, owner, writes)

    def __getattr__(self, name):
        return getattr(self._store, name)


@dataclass
class Watched:
    """A node that works on one request at a time, and its store."""

    http: httpx.AsyncClient
    store: Held

    async def create(self) -> int:
        return (await self.http.post("/api/v1/products", json={"name": "Bar stool"})).status_code

    async def scrape(self) -> dict[tuple[str, ...], float]:
        answer = await self.http.get("/metrics")
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.text)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.fixture
async def watched(tmp_path) -> AsyncIterator[Watched]:
    configured = settings.load({"GIGADAY_DATA_DIR": str(tmp_path), "GIGADAY_MAX_IN_FLIGHT": "1"})
    async with compose.open_backends(configured) as real:
        work = compose.tenancy(real, configured)
        await work.create_tenant("acme", "Acme", "unlimited")
        _, token = await work.create_token("acme", "test")
        backends = replace(real, documents=Held(real.documents))
        made = compose.operations(backends, work, configured)
        app = compose.node(backends, configured, Health({"database": Probe(real.plain.ping)}, real.clock), made)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", headers=headers) as http:
            yield Watched(http, backends.documents)


async def test_requests_are_counted_by_status_and_duration(watched):
    watched.store.go_on.set()
    assert await watched.create() == 201
    told = await watched.scrape()
    assert told["gigaday_requests_total", "201"] == 1
    assert told["gigaday_request_duration_seconds_count",] == 1
    assert told["gigaday_request_duration_seconds_bucket", "10.0"] == 1


async def test_what_is_worked_on_is_told_and_what_is_shed_beside_it(watched):
    idle = await watched.scrape()
    assert (idle["gigaday_requests_in_flight",], idle["gigaday_requests_open",]) == (0, 0)
    first = asyncio.create_task(watched.create())
    await watched.store.reached.wait()
    assert await watched.create() == 503
    busy = await watched.scrape()
    assert (busy["gigaday_requests_in_flight",], busy["gigaday_requests_shed_total",]) == (1, 1)
    watched.store.go_on.set()
    assert await first == 201
    assert (await watched.scrape())["gigaday_requests_in_flight",] == 0


async def test_what_the_deployment_s_autoscaler_asks_for_is_told(watched):
    rules = (Path(__file__).parents[2] / "deploy" / "prometheus" / "adapter-values.yaml").read_text()
    asked = set(re.findall(r"gigaday_\w+(?={)", rules))
    told = {name for name, *_ in await watched.scrape()}
    assert asked == {"gigaday_requests_in_flight", "gigaday_component_status"} <= told


async def test_the_caches_are_told_apart(watched):
    for _ in range(2):
        await watched.http.get("/api/v1/products?limit=1")
    told = await watched.scrape()
    assert told["gigaday_cache_events_total", "responses", "loads"] == 1
    assert told["gigaday_cache_events_total", "responses", "hits"] == 1


async def test_renderings_are_counted(watched):
    watched.store.go_on.set()
    for content, status in ((pictures.png(pictures.plain(9, 9)), 200), (b"\x89PNG\r\n\x1a\n", 422)):
        made = (await watched.http.post("/api/v1/media", content=content)).json()
        assert (await watched.http.get(f"/api/v1/media/{made['_id']}/image?preset=thumb")).status_code == status
    told = await watched.scrape()
    assert (told["gigaday_images_rendered_total",], told["gigaday_images_refused_total",]) == (1, 1)
    assert (told["gigaday_images_waiting",], told["gigaday_image_processes_total",]) == (0, 2)


async def test_whoever_comes_through_a_balancer_finds_nothing(watched):
    answer = await watched.http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_it_is_read_alone(watched):
    assert (await watched.http.post("/metrics")).status_code == 405
