"""How soon an embedded node answers, what its idle worker holds, and how soon `gigaday --help` is there."""

import sys
import tempfile
import time

from bench import processes
from bench.report import Figure, medians, mib

ROUNDS = 5
SETTLED = 1.0


def run(scale: float) -> list[Figure]:
    """Three medians, and Python's own start for comparison. Nothing here depends on `scale`."""
    first, resident, text, python = medians([[*_served(), _help(), _python()] for _ in range(ROUNDS)])
    return [
        Figure("start to first answer, embedded, new folder", f"{first:.2f} s", "1 s"),
        Figure("memory of an idle worker", mib(resident), "80 MiB"),
        Figure("gigaday --help", f"{text * 1e3:.0f} ms", "200 ms"),
        Figure("python -c pass, for comparison", f"{python * 1e3:.0f} ms"),
    ]


def _served() -> tuple[float, float]:
    with (
        tempfile.TemporaryDirectory(prefix="gigaday-bench-") as folder,
        processes.serving({"GIGADAY_DATA_DIR": folder}) as served,
    ):
        time.sleep(SETTLED)
        return served.seconds, processes.memory(served.worker, "VmRSS")


def _help() -> float:
    return processes.watched([*processes.GIGADAY, "--help"], {})[0]


def _python() -> float:
    return processes.watched([sys.executable, "-c", "pass"], {})[0]
