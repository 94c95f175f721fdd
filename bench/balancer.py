"""Requests a second through HAProxy, as it is configured here, before a node's hot reads and before a bare handler."""

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import processes
from bench.plot import bars
from bench.report import Figure, medians
from bench.scene import Scene, document, fill_now, scene, with_redis
from gigaday.compose import balancer_limits
from gigaday.ops.balancer import Balancer
from gigaday.ops.balancer_files import write
from tests.servers import until

ROUNDS, SECONDS = 5, 3
CONNECTIONS = 64
NAMES = ("bare handler, TCP", "node, TCP", "bare handler, socket", "node, socket", "node without a balancer")


class Target(NamedTuple):
    """Where load goes."""

    port: int
    path: str
    token: str


def run(scale: float) -> list[Figure]:
    """Throughput ratios, all from the same rounds."""
    seconds = max(1, round(SECONDS * scale))
    with scene() as place, contextlib.ExitStack() as stack:
        fill_now(place, 10)
        stack.enter_context(with_redis(place))
        targets = list(_targets(place, stack))
        rounds = [[_rate(target, seconds) for target in targets] for _ in range(ROUNDS + 1)][1:]
    rate = medians(rounds)
    bars("balancer", "requests a second", dict(zip(NAMES, rate, strict=True)))
    return [
        Figure("node / bare handler, both behind HAProxy, TCP", _ratio(rate[1], rate[0]), ">= 0.9"),
        Figure("node / bare handler, both behind HAProxy, socket", _ratio(rate[3], rate[2]), ">= 0.9"),
        Figure("node by socket / by TCP", _ratio(rate[3], rate[1]), "> 1"),
        Figure("node behind HAProxy / without it", _ratio(rate[1], rate[4]), ""),
    ]


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}  ({one:,.0f} / {other:,.0f})"


def _targets(place: Scene, stack: contextlib.ExitStack) -> Iterator[Target]:
    path = f"/api/v1/products/{document(0)['_id']}"
    served = stack.enter_context(processes.serving(place.environ))
    node = f"127.0.0.1:{served.port}"
    sockets = [place.folder / f"{name}.sock" for name in ("bare", "node")]
    bare = f"127.0.0.1:{processes.free_port()}"
    stack.enter_context(_bare(["--port", bare.partition(":")[2]]))
    stack.enter_context(_bare(["--uds", str(sockets[0])]))
    environ = processes.environment({**place.environ, "GIGADAY_SOCKET": str(sockets[1])})
    stack.enter_context(_process([*processes.GIGADAY, "serve"], environ))
    for number, address in enumerate((bare, node, f"unix:{sockets[0]}", f"unix:{sockets[1]}")):
        yield Target(stack.enter_context(_haproxy(place, address, number)), path, place.token)
    yield Target(served.port, path, place.token)


@contextlib.contextmanager
def _process(command: list[str], environ: dict[str, str] | None = None) -> Iterator[None]:
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _bare(where: list[str]) -> contextlib.AbstractContextManager[None]:
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--log-level", "error", *where]
    return _process([*command, "bench.bare:app"], processes.environment({}))


@contextlib.contextmanager
def _haproxy(place: Scene, address: str, number: int) -> Iterator[int]:
    port = processes.free_port()
    asked = Balancer(nodes=(address,), listen=f"127.0.0.1:{port}", limits=balancer_limits(place.settings))
    config = write("haproxy", asked, Path(place.folder, f"haproxy{number}.cfg"))
    with _process(["haproxy", "-db", "-f", str(config)]):
        until(lambda: _answers(port, place.token), 30, "no answer", retried=OSError)
        yield port


def _answers(port: int, token: str) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(
            "GET", f"/api/v1/products/{document(0)['_id']}", headers={"Authorization": f"Bearer {token}"}
        )
        return connection.getresponse().status == 200


def _rate(target: Target, seconds: int) -> float:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Authorization: Bearer {target.token}"]
    url = f"http://127.0.0.1:{target.port}{target.path}"
    lines = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout.splitlines()
    if any("Non-2xx" in line for line in lines):
        raise RuntimeError(f"{target.port} refused some:\n" + "\n".join(lines))
    return next(int(line.split()[0]) for line in lines if " requests in " in line) / seconds
