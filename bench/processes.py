"""Processes measured from outside, through /proc: the `gigaday` command and what it serves."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

GIGADAY = (sys.executable, "-c", "from gigaday.cli.main import main; main()")
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 30.0
_REFUSED = 401
"""What a whole node answers to a caller that shows no token."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The surroundings of a child: the system's, without any setting of ours but `environ`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, **environ}


def memory(pid: int, field: str = "VmHWM") -> int:
    """The peak ("VmHWM") or present ("VmRSS") resident memory in bytes; 0 once the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu(pid: int) -> float:
    """Seconds of CPU, user and system, that a process has used."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def watched(command: list[str], environ: Mapping[str, str]) -> tuple[float, int]:
    """Runs a command to its end; returns its seconds and its peak memory. Raises RuntimeError where it fails."""
    started, peak = time.monotonic(), 0
    # Read from /proc, as the kernel's own account of a child begins with the memory of whoever started it.
    with subprocess.Popen(command, env=environment(environ), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.005)
    if process.returncode:
        raise RuntimeError(f"{command[-6:]} ended with {process.returncode}")
    return time.monotonic() - started, peak


@dataclass(frozen=True)
class Served:
    """A running `gigaday serve`; `worker` is the process that answers, `seconds` the time to its first answer."""

    port: int
    worker: int
    seconds: float

    def connect(self) -> http.client.HTTPConnection:
        """A new connection, with blocks that suit large bodies."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600, blocksize=1 << 20)


@contextlib.contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[Served]:
    """Serves on a free port while the context lasts."""
    port = free_port()
    started = time.monotonic()
    command = [*GIGADAY, "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment(environ), stderr=subprocess.DEVNULL) as process:
        try:
            _answer(port, process)
            yield Served(port, worker(process.pid), time.monotonic() - started)
        finally:
            process.terminate()


def _answer(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/v1/products")
            if connection.getresponse().status == _REFUSED:
                return
        time.sleep(0.005)
    raise RuntimeError("gigaday serve does not answer")


def listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Returns once something accepts connections on `port`. Raises RuntimeError where `process` ends before."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"{process.args} does not listen on {port}")


def worker(parent: int) -> int:
    """The child that holds the application: the largest."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return max((int(child) for child in children), key=lambda pid: memory(pid, "VmRSS"))


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
