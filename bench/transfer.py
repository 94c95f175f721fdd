"""A large upload and download through a served node: growth of its peak memory, and time against a plain `cp`."""

import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec

from bench import processes
from bench.processes import Served
from bench.report import Figure, in_turn, mib
from bench.scene import Scene, scene

SIZE = 1 << 30
BLOCK = 1 << 20
ROUNDS = 3
SMALL = 1 << 16


def run(scale: float) -> list[Figure]:
    """Memory and time, up and down."""
    size = max(BLOCK, int(SIZE * scale))
    with scene() as place, processes.serving(place.environ) as served:
        small, file, back = (place.folder / name for name in ("small", "file", "back"))
        _make(small, SMALL)
        _make(file, size)
        _down(served, place, _up(served, place, small), back)  # so that what is loaded once is loaded
        before = processes.memory(served.worker)
        kept: list[str] = []

        def up() -> float:
            started = time.perf_counter()
            kept.append(_up(served, place, file))
            return time.perf_counter() - started

        def down() -> float:
            started = time.perf_counter()
            _down(served, place, kept[-1], back)
            return time.perf_counter() - started

        def copy() -> float:
            started = time.perf_counter()
            subprocess.run(["cp", str(file), str(back)], check=True)
            return time.perf_counter() - started

        upload, download, plain = in_turn(ROUNDS, (up, down, copy))
        grown = processes.memory(served.worker) - before
    return [
        Figure(f"{ROUNDS} uploads and downloads of {mib(size)}: growth of the node's peak", mib(grown), "< 64 MiB"),
        Figure("upload / cp", _ratio(upload, plain, size)),
        Figure("download / cp", _ratio(download, plain, size)),
    ]


def _ratio(ours: float, plain: float, size: int) -> str:
    return f"{ours / plain:.1f}  ({size / ours / 2**20:,.0f} MiB/s / {size / plain / 2**20:,.0f} MiB/s)"


def _make(path: Path, size: int) -> None:
    block = Random(2026).randbytes(BLOCK)
    with path.open("wb") as out:
        for start in range(0, size, BLOCK):
            out.write(block[: size - start])


def _up(served: Served, place: Scene, path: Path) -> str:
    """Uploads; returns the medium's id."""
    headers = {**place.headers, "X-Filename": "bench.bin", "Content-Length": str(path.stat().st_size)}
    with closing(served.connect()) as connection, path.open("rb") as body:
        connection.request("POST", "/api/v1/media", body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 201:
        raise RuntimeError(f"the upload answered {answer.status}: {content!r}")
    return str(msgspec.json.decode(content)["_id"])


def _down(served: Served, place: Scene, id: str, target: Path) -> None:
    with closing(served.connect()) as connection, target.open("wb") as out:
        connection.request("GET", f"/api/v1/media/{id}/content", headers=place.headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the download answered {answer.status}")
        shutil.copyfileobj(answer, out, BLOCK)
