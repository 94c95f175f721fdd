"""A fleet is restarted node by node behind HAProxy, under load: no request fails, and no acknowledged write is lost.

Some requests are uploads that last longer than a node's draining. `--rolling-restarts N` restarts all of it N times.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from gigaday.ops.balancer import Balancer
from gigaday.ops.balancer_files import write
from tests.live.traffic import Clients
from tests.live.traffic import running as on
from tests.servers import free_ports, missing, until
from tests.servers.mongod import ReplicaSet
from tests.servers.node import Node, fleet
from tests.servers.redis import RedisCluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

NODES, CLIENTS = 3, 6
DRAIN = {"GIGADAY_DRAIN_SECONDS": "2.5"}
"""Outlasts two checks of our configuration, with room for a busy machine."""


class HAProxy:
    """With the configuration that we generate; `url` is where it serves."""

    def __init__(self, nodes: list[Node], folder: Path) -> None:
        [port] = free_ports(1)
        self.url, self._socket, self._nodes = f"http://127.0.0.1:{port}", folder / "admin.sock", len(nodes)
        places = tuple(f"127.0.0.1:{node.port}" for node in nodes)
        balancer = Balancer(places, listen=f"127.0.0.1:{port}", admin_socket=self._socket)
        program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            missing("haproxy is not installed")
        file = write("haproxy", balancer, folder / "haproxy.cfg")
        self.process = subprocess.Popen([program, "-db", "-q", "-f", str(file)])

    def wait_whole(self) -> None:
        """Returns once it takes every node for up."""
        until(lambda: self._up() == self._nodes, 20, "not every node is up", retried=OSError)

    def _up(self) -> int:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(b"show servers state nodes\n")
            lines = admin.makefile().read().splitlines()
        return sum(line.split()[5] == "2" for line in lines[2:] if line)


@contextmanager
def haproxy(nodes: list[Node], folder: Path) -> Iterator[HAProxy]:
    balancer = HAProxy(nodes, folder)
    try:
        balancer.wait_whole()
        yield balancer
    finally:
        balancer.process.kill()
        balancer.process.wait()


@pytest.fixture
def nodes(replica_set: ReplicaSet, tmp_path: Path) -> Iterator[list[Node]]:
    environ = {
        "MONGODB_URI": replica_set.uri.replace("/gigaday?", f"/test-{secrets.token_hex(6)}?"),
        "MONGODB_MIN_POOL_SIZE": "0",
        "GIGADAY_PEPPER": secrets.token_hex(32),
    }
    with fleet(NODES, environ | DRAIN, tmp_path) as started:
        yield started


class Shoppers:
    """Each writes a product and reads it back over one connection, again and again."""

    def __init__(self, url: str, token: str) -> None:
        self._open = lambda: httpx.AsyncClient(
            base_url=url + "/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self.acknowledged: list[str] = []
        self.kept: list[str] = []
        self.failed: list[str] = []
        self.reads = 0

    async def shop(self, client: httpx.AsyncClient) -> None:
        made = await self._ask(client, "POST", "/products", json={"name": secrets.token_hex(4)})
        if made is None:
            return
        self.acknowledged.append(made.json()["_id"])
        for _ in range(4):
            if await self._ask(client, "GET", f"/products/{self.acknowledged[-1]}"):
                self.reads += 1
        await asyncio.sleep(0.02)

    async def upload(self, client: httpx.AsyncClient) -> None:
        """For three seconds."""
        headers = {"Content-Type": "image/png"}
        made = await self._ask(client, "POST", "/media", content=_slowly(), headers=headers)
        if made is not None:
            self.kept.append(made.json()["_id"])

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response | None:
        try:
            answer = await client.request(method, path, **more)
        except httpx.TransportError as error:
            self.failed.append(f"{method} {error!r}")
            return None
        if answer.is_success:
            return answer
        self.failed.append(f"{method} {answer.status_code} {answer.text}")
        return None

    async def run(self, stack: AsyncExitStack) -> None:
        clients = [await stack.enter_async_context(self._open()) for _ in range(CLIENTS)]
        shop = [partial(self.shop, client) for client in clients[:-2]]
        upload = [partial(self.upload, client) for client in clients[-2:]]
        await stack.enter_async_context(on(*shop, *upload))

    def report(self) -> str:
        done = f"{len(self.acknowledged)} writes, {len(self.kept)} uploads, {self.reads} reads"
        return f"{done}, {len(self.failed)} failed"

    async def lost(self) -> list[str]:
        """What was acknowledged and is not there."""
        paths = [f"/products/{id}" for id in self.acknowledged] + [f"/media/{id}" for id in self.kept]
        async with self._open() as client:
            return [path for path in paths if (await client.get(path)).status_code != 200]


async def _slowly() -> AsyncIterator[bytes]:
    yield b"\x89PNG\r\n\x1a\n"
    for _ in range(30):
        await asyncio.sleep(0.1)
        yield bytes(1_000)


def restart(node: Node) -> None:
    assert node.stop() == 0
    node.start()


async def test_rolling_restarts_lose_nothing(nodes: list[Node], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    clients = Clients([nodes[0].url], nodes[0].token("Operator"))
    tenant = await clients.tenant("unlimited")
    await clients.close()
    with haproxy(nodes, tmp_path) as balancer:
        shoppers = Shoppers(balancer.url, tenant.token)
        async with AsyncExitStack() as stack:
            await shoppers.run(stack)
            for _ in range(pytestconfig.getoption("--rolling-restarts")):
                for node in nodes:
                    await asyncio.to_thread(restart, node)
                    await asyncio.to_thread(balancer.wait_whole)
        print(shoppers.report())
        assert shoppers.failed == []
        assert await shoppers.lost() == []
    assert len(shoppers.acknowledged) > CLIENTS


def test_every_worker_drains(redis_cluster: RedisCluster, tmp_path: Path) -> None:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path / "data"), "REDIS_CLUSTER_URLS": redis_cluster.urls}
    node = Node({**environ, "CLUSTER_SIZE": "2", "GIGADAY_DRAIN_SECONDS": "3"}, tmp_path / "node.log").start()
    try:
        assert node.process is not None
        node.process.send_signal(signal.SIGTERM)
        until(lambda: _all_drain(node), 2.5, "not every worker drains", retried=httpx.TransportError)
        assert node.process.wait(timeout=20) == 0
        assert "Killing" not in node.output
    finally:
        node.kill()


def _all_drain(node: Node) -> bool:
    """Each question comes over a connection of its own, which the kernel hands to either worker."""
    return {httpx.get(node.url + "/readyz").status_code for _ in range(20)} == {503}
