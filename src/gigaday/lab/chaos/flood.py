"""An open flood of requests: they come at a rate, whether or not there is room for them. h2load makes it, for a client
that shared its processor with the deployment would measure itself."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gigaday.lab.chaos.samples import percentile
from gigaday.lab.chaos.traffic import API
from gigaday.lab.servers.programs import find

_ADDRESSES = 5_000
_CLIENTS = 4_000
"""More than the balancer lets wait at once: a client that waits asks for nothing meanwhile."""
_REFUSED = (429, 503)


@dataclass(frozen=True)
class Flood:
    """What became of it: requests a second that came and were answered well, and how many were refused or failed."""

    rate: float
    good: float
    refused: int
    failed: int
    refused_p50: float


@dataclass(frozen=True)
class Source:
    """Lists that nobody has asked for before, through a balancer; so each is worked for."""

    balancer: str
    token: str
    folder: Path

    def peak(self, clients: int, seconds: float) -> Flood:
        """As many requests as are answered by so few clients."""
        return self._run(seconds, "-c", str(clients))

    def at(self, rate: float, seconds: float) -> Flood:
        """So many a second."""
        return self._run(seconds, "-c", str(_CLIENTS), "--rps", f"{rate / _CLIENTS:.3f}")

    def _run(self, seconds: float, *arguments: str) -> Flood:
        asked, log = self.folder / "flood.txt", self.folder / "flood.log"
        start = time.time_ns() % 1_000_000_000
        lists = f"{self.balancer}{API}/products?limit=100&price.amount[gte]="
        asked.write_text("".join(f"{lists}{start + number}\n" for number in range(_ADDRESSES)))
        log.unlink(missing_ok=True)
        # h2load measures for whole seconds.
        lasting = max(1, round(seconds))
        command = [find("h2load"), "--h1", "-D", str(lasting), "-i", str(asked), "--log-file", str(log), *arguments]
        subprocess.run(  # noqa: S603 - a fixed program
            [*command, "-H", f"Authorization: Bearer {self.token}"],
            capture_output=True,
            timeout=lasting + 30,
            check=True,
        )
        return read(log.read_text().splitlines(), lasting)


def read(lines: Sequence[str], seconds: float) -> Flood:
    """What h2load wrote of each request: when, status, microseconds."""
    seen = [(int(status), int(took) / 1e6) for _, status, took in (line.split("\t")[:3] for line in lines)]
    good = sum(200 <= status < 400 for status, _ in seen)
    refused = [took for status, took in seen if status in _REFUSED]
    failed = len(seen) - good - len(refused)
    return Flood(len(seen) / seconds, good / seconds, len(refused), failed, percentile(refused, 0.5))
