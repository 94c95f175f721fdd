"""A real HAProxy or nginx, run from the configuration that `gigaday balancer` makes."""

import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from gigaday.ops.balancer import Balancer, Engine
from gigaday.ops.balancer_files import write
from tests.servers import ServerMissing, free_ports, until


@dataclass
class Running:
    """`asked` without `listen`, which is a free port."""

    engine: Engine
    asked: Balancer
    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / f"{self.engine}.cfg"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.engine}.log"

    def start(self) -> "Running":
        if shutil.which(self.engine) is None:
            raise ServerMissing(f"{self.engine} is not installed")
        write(self.engine, replace(self.asked, listen=f"127.0.0.1:{self.port}"), self.config)
        arguments = {"haproxy": ("-W", "-db", "-f"), "nginx": ("-e", "stderr", "-c")}[self.engine]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.engine, *arguments, str(self.config)], stdout=log, stderr=log)
        until(self._listens, 10, f"{self.engine} does not listen", retried=OSError)
        return self

    def _listens(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise ServerMissing(f"{self.engine} ended: {self.log.read_text()[-2000:]}")
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def reload(self) -> None:
        """Returns once it has begun: a signal that comes while HAProxy's master starts is lost."""
        assert self.process is not None
        if self.engine == "nginx":
            self.process.send_signal(signal.SIGHUP)
            return
        for _ in range(5):
            self.process.send_signal(signal.SIGUSR2)
            with suppress(ServerMissing):
                until(lambda: "Reloading HAProxy" in self.log.read_text(), 2, "no reload", retried=OSError)
                return

    def runtime(self, command: str) -> str:
        """What HAProxy's runtime API answers."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.asked.admin_socket))
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65_536), b"")).decode()

    def status(self, name: str) -> str:
        """HAProxy: whether the node of that name is UP, DOWN, MAINT, ..."""
        for line in self.runtime("show stat").splitlines():
            fields = line.split(",")
            if fields[:2] == ["nodes", name]:
                return fields[17]
        raise KeyError(name)

    def settled(self) -> "Running":
        """Returns once requests are answered by a node."""
        until(lambda: httpx.get(self.url + "/livez").status_code == 200, 10, "no node answers", retried=httpx.HTTPError)
        return self


def exchange(port: int, *pieces: bytes, seconds: float = 1.0) -> bytes:
    """All that is answered to these bytes until the connection is closed, or nothing has come for `seconds`."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(seconds)
        answered = b""
        try:
            while got := connection.recv(65_536):
                answered += got
        except (TimeoutError, ConnectionResetError):
            pass
        return answered
