"""How a served node ends: by which signal, after what wait, with which exit code, and what it answers meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import until
from tests.servers.node import AT_ONCE, MAIN, Node

HOUR = {"GIGADAY_DRAIN_SECONDS": "3600"}
"""Whatever ends sooner has not waited for it."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log")
    yield node
    node.kill()


def send(node: Node, *signals: signal.Signals) -> None:
    assert node.process is not None
    for number in signals:
        node.process.send_signal(number)


def ended(node: Node, within: float = 20) -> int:
    assert node.process is not None
    return node.process.wait(timeout=within)


def draining(node: Node) -> httpx.Response:
    """What /readyz says once the signal has arrived."""
    answers: list[httpx.Response] = []

    def turned_away() -> bool:
        answers.append(httpx.get(node.url + "/readyz"))
        return answers[-1].status_code == 503

    until(turned_away, 5, "the node does not drain", retried=httpx.TransportError)
    return answers[-1]


def test_a_draining_node_says_so_and_still_serves_and_closes_connections(node: Node) -> None:
    node.environ |= HOUR
    node.start("--demo")
    headers = {"Authorization": f"Bearer {node.token('Demo')}"}
    with httpx.Client(base_url=node.url, headers=headers) as client:
        assert "connection" not in client.get("/api/v1/products").headers
        send(node, signal.SIGTERM)
        assert draining(node).json() == {"status": "draining"}
        made = client.post("/api/v1/products", json={"name": "Late"})
        read = client.get(made.headers["location"])
    assert (made.status_code, made.headers["connection"]) == (201, "close")
    assert (read.status_code, read.headers["connection"]) == (200, "close")


def test_the_wait_is_as_long_as_set_and_ends_with_0_and_nothing_to_complain_of(node: Node) -> None:
    node.environ["GIGADAY_DRAIN_SECONDS"] = "1.5"
    node.start()
    begun = time.monotonic()
    send(node, signal.SIGTERM)
    draining(node)
    assert ended(node) == 0
    assert time.monotonic() - begun >= 1.5
    assert "Killing" not in node.output and "Unexpected" not in node.output


@pytest.mark.parametrize("whole_group", [False, True], ids=["to the process", "to all, as a terminal does"])
def test_ctrl_c_ends_without_the_wait(node: Node, whole_group: bool) -> None:
    node.environ |= HOUR
    node.start()
    assert node.process is not None
    (os.killpg if whole_group else os.kill)(node.process.pid, signal.SIGINT)
    assert ended(node) == 0
    assert "Unexpected" not in node.output


def test_a_supervisor_that_signals_every_process_still_gets_the_wait(node: Node) -> None:
    node.environ["GIGADAY_DRAIN_SECONDS"] = "1.5"
    node.start()
    assert node.process is not None
    begun = time.monotonic()
    os.killpg(node.process.pid, signal.SIGTERM)
    draining(node)
    assert ended(node) == 0
    assert time.monotonic() - begun >= 1.5


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once_and_says_that_it_was_no_clean_end(node: Node, second: signal.Signals) -> None:
    node.environ |= HOUR
    node.start()
    send(node, signal.SIGTERM)
    draining(node)
    send(node, second)
    assert ended(node, within=10) == 1
    assert "a second signal" in node.output


def test_a_stop_while_a_worker_starts_is_not_lost(node: Node) -> None:
    with node.log.open("ab") as log:
        node.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "serve", "--port", str(node.port)],
            env={**os.environ, **AT_ONCE, **node.environ}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children")
    until(lambda: bool(children.read_text()), 20, "no worker", retried=OSError)
    send(node, signal.SIGTERM)
    assert ended(node) == 0


class Upload:
    """Of a picture whose second half is held back until `finish`."""

    def __init__(self, node: Node) -> None:
        self._go_on, self.begun = threading.Event(), threading.Event()
        self._answers: list[httpx.Response] = []
        self._thread = threading.Thread(target=self._run, args=(node,), daemon=True)
        self._thread.start()
        assert self.begun.wait(10)

    def _body(self) -> Iterator[bytes]:
        yield b"\x89PNG\r\n\x1a\n" + bytes(100_000)
        self.begun.set()
        assert self._go_on.wait(20)
        yield bytes(100_000)

    def _run(self, node: Node) -> None:
        headers = {"Authorization": f"Bearer {node.token('Demo')}", "Content-Type": "image/png"}
        self._answers.append(httpx.post(f"{node.url}/api/v1/media", content=self._body(), headers=headers, timeout=30))

    def finish(self) -> httpx.Response:
        self._go_on.set()
        self._thread.join(20)
        return self._answers[0]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_an_upload_outlasts_the_listener_and_is_kept(node: Node, first: signal.Signals) -> None:
    node.start("--demo")
    upload = Upload(node)
    send(node, first)
    until(lambda: _refused(node), 10, "still listening", retried=httpx.ReadTimeout)
    made = upload.finish()
    assert made.status_code == 201, made.text
    assert ended(node) == 0
    node.start()
    headers = {"Authorization": f"Bearer {node.token('Demo')}"}
    assert httpx.get(node.url + made.headers["location"], headers=headers).json()["size"] == 200_008


def _refused(node: Node) -> bool:
    try:
        httpx.get(node.url + "/livez")
    except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
        return True
    return False


def test_a_second_signal_does_not_wait_for_an_upload(node: Node) -> None:
    node.start("--demo")
    Upload(node)
    send(node, signal.SIGTERM)
    until(lambda: _refused(node), 10, "still listening", retried=httpx.ReadTimeout)
    send(node, signal.SIGTERM)
    assert ended(node, within=10) == 1


def test_a_worker_that_died_is_replaced(node: Node) -> None:
    node.start()
    before = workers(node)
    os.kill(before[-1], signal.SIGKILL)
    until(lambda: set(workers(node)) - set(before), 10, "no new worker", retried=httpx.TransportError)
    until(lambda: httpx.get(node.url + "/readyz").status_code == 200, 20, "not ready", retried=httpx.TransportError)
    assert node.stop() == 0


def workers(node: Node) -> list[int]:
    """Their process ids, oldest first."""
    assert node.process is not None
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(node.process.pid)], capture_output=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


IMPATIENT = """
from granian.constants import Interfaces
from gigaday.cli.server import Server
Server("gigaday.asgi:create", port={port}, interface=Interfaces.ASGI, factory=True, drain_seconds=0,
       finish_seconds=1).serve()
"""


@pytest.fixture
def impatient(node: Node) -> Node:
    """Its workers are given a second to finish."""
    program = IMPATIENT.format(port=node.port)
    environ = {**os.environ, **node.environ}
    node.process = subprocess.Popen([sys.executable, "-c", program], env=environ, start_new_session=True)
    until(lambda: httpx.get(node.url + "/readyz").is_success, 20, "not ready", retried=httpx.TransportError)
    return node


def test_a_worker_that_does_not_end_is_ended_and_the_exit_code_tells(impatient: Node) -> None:
    os.kill(workers(impatient)[-1], signal.SIGSTOP)
    send(impatient, signal.SIGTERM)
    assert ended(impatient, within=10) == 1
