"""The embedded node is killed in the middle of writing; what it acknowledged is there, what it did not is whole or gone."""

import asyncio
import sqlite3
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

    async def writer(number: int, http: httpx.AsyncClient) -> None:
        while True:
            sku = f"{number}-{len(acknowledged)}"
            try:
                answer = await http.post("/api/v1/products", json={"name": sku, "sku": sku}, headers=headers)
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                acknowledged.append(answer.json()["_id"])
            if len(acknowledged) >= enough:
                node.kill()

    async def endless():
        yield b"\x89PNG\r\n\x1a\n"
        while node.process is not None:
            yield b"x" * 65_536
            await asyncio.sleep(0.01)

    async def uploader(http: httpx.AsyncClient) -> None:
        try:
            await http.post("/api/v1/media", content=endless(), headers=headers)
        except httpx.TransportError:
            return

    async with httpx.AsyncClient(base_url=node.url) as http:
        await asyncio.gather(uploader(http), *(writer(number, http) for number in range(8)))
    return acknowledged


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
