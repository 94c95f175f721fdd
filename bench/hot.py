"""A hot read (token, leased bucket, cache hit, 600 bytes of JSON, one worker) against nginx and a bare handler."""

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bench import nginx, processes
from bench.plot import bars
from bench.report import Figure, medians
from bench.scene import Scene, document, fill_now, limited_token, scene, with_redis

ROUNDS, SECONDS = 15, 1
"""Short rounds in turn, so that what else the machine does disturbs all alike."""
CONNECTIONS = 64
NAMES = ("nginx, from its cache", "bare handler", "200", "200, another tag held", "304", "429")


class Target(NamedTuple):
    """Where load goes: `pid` is the process that answers."""

    port: int
    pid: int
    headers: dict[str, str]


class Load(NamedTuple):
    """Requests a second, and seconds of CPU of the answering process a request."""

    rate: float
    cpu: float


def run(scale: float) -> list[Figure]:
    """CPU and throughput ratios, all from the same rounds."""
    seconds = max(1, round(SECONDS * scale))
    with scene() as place, contextlib.ExitStack() as stack:
        fill_now(place, 10)
        stack.enter_context(with_redis(place))
        path = f"/api/v1/products/{document(0)['_id']}"
        targets = list(_targets(place, path, stack))
        rounds = [[_load(target, path, seconds) for target in targets] for _ in range(ROUNDS + 1)][1:]
    plain, stale, held, refused = ([loads[at].cpu for loads in rounds] for at in range(2, 6))
    cpu = medians([[load.cpu for load in loads] for loads in rounds])
    rate = medians([[load.rate for load in loads] for loads in rounds])
    bars("hot", "CPU a request, in microseconds", {name: value * 1e6 for name, value in zip(NAMES, cpu, strict=True)})
    return [
        Figure("CPU of a hot 200 / nginx", _ratio(cpu[2], cpu[0]), "<= 1.6, aim 1.2"),
        Figure("CPU of a 304 / a 200", _paired(held, plain), "< 1"),
        Figure("CPU of a 304 / a 200 whose request held another tag", _paired(held, stale), "< 1"),
        Figure("CPU of a 429 / a 304", _paired(refused, held), "< 1"),
        Figure("requests a second, 200 / bare handler", f"{rate[2] / rate[1]:.2f}  ({rate[2]:,.0f} / {rate[1]:,.0f})",
               ">= 0.8"),
    ]  # fmt: skip


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}  ({one * 1e6:.1f} us / {other * 1e6:.1f} us)"


def _paired(one: Sequence[float], other: Sequence[float]) -> str:
    """The median of the rounds' ratios, and of each side."""
    ratio = median(a / b for a, b in zip(one, other, strict=True))
    return f"{ratio:.2f}  ({median(one) * 1e6:.1f} us / {median(other) * 1e6:.1f} us)"


def _targets(place: Scene, path: str, stack: contextlib.ExitStack) -> Iterator[Target]:
    served = stack.enter_context(processes.serving(place.environ))
    port, pid = stack.enter_context(nginx.serving(place.folder / "nginx", place.token, served.port))
    etag = _warm(served.port, path, place.headers)
    _warm(port, path, place.headers)
    if (status := _status_of_cache(port, path, place.headers)) != "HIT":
        raise RuntimeError(f"nginx does not answer from its cache: {status}")
    yield Target(port, pid, place.headers)
    yield stack.enter_context(_bare())
    yield Target(served.port, served.worker, place.headers)
    yield Target(served.port, served.worker, {**place.headers, "If-None-Match": f'"{"0" * (len(etag) - 2)}"'})
    yield Target(served.port, served.worker, {**place.headers, "If-None-Match": etag})
    yield Target(served.port, served.worker, {"Authorization": f"Bearer {limited_token(place)}"})


def _warm(port: int, path: str, headers: dict[str, str]) -> str:
    return _headers(port, path, headers)["ETag"]


def _status_of_cache(port: int, path: str, headers: dict[str, str]) -> str | None:
    return _headers(port, path, headers)["X-Cache"]


def _headers(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPMessage:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.headers


@contextlib.contextmanager
def _bare() -> Iterator[Target]:
    port = processes.free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws",
               "--log-level", "error", "bench.bare:app"]  # fmt: skip
    with subprocess.Popen(command, env=processes.environment({})) as process:
        try:
            processes.listening(port, process)
            yield Target(port, processes.worker(process.pid), {})
        finally:
            process.terminate()


def _load(target: Target, path: str, seconds: int) -> Load:
    before = processes.cpu(target.pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    url = f"http://127.0.0.1:{target.port}{path}"
    lines = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout.splitlines()
    count = next(int(line.split()[0]) for line in lines if " requests in " in line)
    if not count:
        raise RuntimeError(f"{target} answered nothing:\n" + "\n".join(lines))
    return Load(count / seconds, (processes.cpu(target.pid) - before) / count)
