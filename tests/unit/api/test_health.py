"""What a prober is answered."""

import httpx
import pytest
from starlette.applications import Starlette

from gigaday.api import health as api
from gigaday.errors import BackendDown
from gigaday.model.mode import Mode, of_level
from gigaday.ops.health import Health, Probe


class StoppedClock:
    def now(self) -> float:
        return 1_000_000.0

    def monotonic(self) -> float:
        return 0.0


class Database:
    down = False

    async def ping(self) -> None:
        if self.down:
            raise BackendDown("no primary")


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def health(database: Database) -> Health:
    return Health({"database": Probe(database.ping)}, StoppedClock())


@pytest.fixture
def client(health: Health) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=api.routes(health)))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_livez_says_alive_whatever_else_is_down(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert answer.headers["cache-control"] == "no-store"


async def test_readyz_through_a_life(client: httpx.AsyncClient, health: Health) -> None:
    before = await client.get("/readyz")
    assert (before.status_code, before.json()) == (503, {"status": "starting"})
    assert int(before.headers["retry-after"]) > 0
    await health.start()
    assert (await client.get("/readyz")).status_code == 200
    health.drain()
    after = await client.get("/readyz")
    assert (after.status_code, after.json()) == (503, {"status": "draining"})
    await health.stop()


async def test_health_of_a_healthy_node(client: httpx.AsyncClient, health: Health) -> None:
    await health.check("database")
    answer = await client.get("/api/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["mode"], body["components"]["database"]["status"]) == ("healthy", "normal", "up")
    assert "error" not in body


async def test_health_names_what_is_down_while_readyz_stays_ready(
    client: httpx.AsyncClient, health: Health, database: Database
) -> None:
    database.down = True
    await health.start()
    answer = await client.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert answer.json()["error"] == "database: no primary"
    assert (await client.get("/readyz")).status_code == 200
    await health.stop()


class Shed:
    def of(self, tenant: str) -> Mode:
        return of_level("shed")

    def causes(self) -> list[str]:
        return ["set by ann: spike"]


class Opened:
    state = "open"


async def test_health_tells_the_mode_why_and_what_the_breakers_say(database: Database) -> None:
    told = Health({"database": Probe(database.ping, breakers={"reads": Opened()})}, StoppedClock(), modes=Shed())
    transport = httpx.ASGITransport(Starlette(routes=api.routes(told)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        body = (await http.get("/api/health")).json()
    assert (body["mode"], body["modeCauses"]) == ("shed", ["set by ann: spike"])
    assert body["components"]["database"]["breakers"] == {"reads": "open"}
