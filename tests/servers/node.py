"""Served nodes: each a `gigaday serve` as a process of its own, and the other commands beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gigaday.lab.servers.node import MAIN, token
from tests.servers import free_ports

__all__ = ["AT_ONCE", "MAIN", "Node", "fleet"]
AT_ONCE = {"GIGADAY_DRAIN_SECONDS": "0"}
"""No balancer is there that a stopping node would have to wait for, unless a test has one."""


@dataclass
class Node:
    """`environ` are its settings; `output` collects what it printed."""

    environ: dict[str, str]
    log: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self.log.read_text()

    def token(self, kind: str) -> str:
        """The "Operator" or "Demo" token that it printed."""
        return token(self.output, kind)

    def start(self, *arguments: str) -> "Node":
        """Returns once it is ready."""
        command = [sys.executable, "-c", MAIN, "serve", "--port", str(self.port), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **AT_ONCE, **self.environ}, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 30
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the node did not start:\n{self.output}")
            time.sleep(0.05)
        return self

    def _ready(self) -> bool:
        try:
            return httpx.get(self.url + "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL for it and its workers."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stops it and its workers where they are (SIGSTOP)."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets them go on."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=40)
        self.process = None
        return code

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command with the same settings."""
        command = [sys.executable, "-c", MAIN, *arguments]
        environ = {**os.environ, **self.environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def fleet(count: int, environ: Mapping[str, str], folder: Path) -> Iterator[list[Node]]:
    """Nodes of one worker each that share what `environ` names, the pepper included. The first has the operator's
    token in its output."""
    nodes: list[Node] = []
    try:
        for number in range(count):
            own = {"GIGADAY_DATA_DIR": str(folder / f"data{number}"), "CLUSTER_SIZE": "1"}
            nodes.append(Node({**environ, **own}, folder / f"node{number}.log"))
            # One after another: the first makes what the others then find.
            nodes[-1].start()
        yield nodes
    finally:
        for node in nodes:
            node.kill()
