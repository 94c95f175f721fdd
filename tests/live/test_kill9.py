"""The embedded node is killed while writing: what it acknowledged is there, what it did not is whole or gone."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.servers.node import Node


@pytest.fixture
def node(tmp_path):
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log")
    yield node
    node.kill()


async def _write_until_killed(node: Node, token: str, enough: int) -> list[str]:
    acknowledged: list[str] = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=node.url, headers=headers) as http:
        writers = (_create(node, http, acknowledged, enough) for _ in range(8))
        await asyncio.gather(_upload(node, http), *writers)
    return acknowledged


async def _create(node: Node, http: httpx.AsyncClient, acknowledged: list[str], enough: int) -> None:
    with suppress(httpx.TransportError):
        while True:
            answer = await http.post("/api/v1/products", json={"name": "written under fire"})
            if answer.status_code == 201:
                acknowledged.append(answer.json()["_id"])
            if len(acknowledged) >= enough:
                node.kill()


async def _upload(node: Node, http: httpx.AsyncClient) -> None:
    async def endless():
        yield b"\x89PNG\r\n\x1a\n"
        while node.process is not None:
            yield b"x" * 65_536
            await asyncio.sleep(0.01)

    with suppress(httpx.TransportError):
        await http.post("/api/v1/media", content=endless())


async def _every_id(node: Node, token: str, resource: str) -> list[str]:
    found, cursor = [], ""
    async with httpx.AsyncClient(base_url=node.url, headers={"Authorization": f"Bearer {token}"}) as http:
        while cursor is not None:
            query = "limit=100" + (f"&cursor={cursor}" if cursor else "")
            page = (await http.get(f"/api/v1/{resource}?{query}")).json()
            found += [item["_id"] for item in page["data"]]
            cursor = page["next"]
    return found


async def test_every_acknowledged_write_survives_kill_9(node):
    node.start("--demo")
    token = node.token("Demo")
    before = {kind: await _every_id(node, token, kind) for kind in ("products", "media")}
    acknowledged = await _write_until_killed(node, token, enough=300)
    database = Path(node.environ["GIGADAY_DATA_DIR"]) / "gigaday.sqlite"
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    node.start()
    after = await _every_id(node, token, "products")
    assert len(after) == len(set(after))
    assert set(acknowledged) <= set(after) and set(before["products"]) <= set(after)
    assert await _every_id(node, token, "media") == before["media"]
    objects = [path for path in (database.parent / "objects" / "media").rglob("*") if path.is_file()]
    assert len(objects) == len(before["media"])
