"""A served node: `gigaday serve` as a process of its own, and the other commands beside it."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.servers import free_ports

MAIN = "from gigaday.cli.main import main; main()"


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
        [found] = re.findall(rf"{kind} token[^\n]*:\n  (gd_\S+)", self.output)
        return str(found)

    def start(self, *arguments: str) -> "Node":
        """Returns once it is ready."""
        command = [sys.executable, "-c", MAIN, "serve", "--port", str(self.port), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **self.environ}, stdout=log, stderr=log, start_new_session=True
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
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

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
