"""A node on a Unix socket, behind HAProxy on the same machine."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from gigaday.ops.balancer import Balancer
from tests.servers import running, until
from tests.servers.balancer import Running
from tests.servers.node import MAIN, Node


def start(node: Node, socket: Path) -> None:
    """Returns once it answers at the socket."""
    with node.log.open("ab") as log:
        node.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "serve"],
            env=dict(node.environ),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    transport = httpx.HTTPTransport(uds=str(socket))
    with httpx.Client(transport=transport) as client:
        until(lambda: client.get("http://x/readyz").status_code == 200, 30, node.output, retried=httpx.HTTPError)


def test_the_client_of_a_node_at_a_socket_is_who_the_balancer_says(tmp_path: Path) -> None:
    socket = tmp_path / "node.sock"
    environ = {"GIGADAY_SOCKET": str(socket), "GIGADAY_DATA_DIR": str(tmp_path / "data"), "GIGADAY_ACCESS_LOG": "true"}
    node = Node({**environ, "PYTHONPATH": ":".join(filter(None, sys.path))}, tmp_path / "node.log")
    balancer = Running("haproxy", Balancer(nodes=(f"unix:{socket}",)), tmp_path)
    try:
        start(node, socket)
        assert socket.stat().st_mode & 0o777 == 0o660
        with running(balancer):
            claimed = {"X-Forwarded-For": "9.9.9.9"}
            assert httpx.get(balancer.url + "/api/v1/products", headers=claimed).status_code == 401
            until(lambda: "/api/v1/products" in node.output, 5, "not logged", retried=OSError)
            [line] = [line for line in node.output.splitlines() if "/api/v1/products" in line and "401" in line]
            assert "127.0.0.1" in line
            assert "9.9.9.9" not in line
            node.kill()
            start(node, socket)
            began = time.monotonic()
            until(
                lambda: httpx.get(balancer.url + "/livez").status_code == 200, 10, "not back", retried=httpx.HTTPError
            )
            assert time.monotonic() - began < 10
    finally:
        node.kill()
