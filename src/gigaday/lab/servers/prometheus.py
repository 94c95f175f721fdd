"""Prometheus, which scrapes the nodes and the balancers; nodes that come and go are read from a file of targets."""

import json
from collections.abc import Sequence
from pathlib import Path

from gigaday.lab.member import Member
from gigaday.lab.servers.programs import find

CONFIG = """
global:
  scrape_interval: 2s
  scrape_timeout: 2s
scrape_configs:
  - job_name: gigaday
    file_sd_configs: [{{files: [{folder}/nodes.json], refresh_interval: 2s}}]
  - job_name: haproxy
    file_sd_configs: [{{files: [{folder}/balancers.json], refresh_interval: 2s}}]
"""


def prometheus(folder: Path, port: int) -> Member:
    """Keeps a day of figures at the most."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(folder=folder))
    command = [
        find("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=1d", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    return Member("prometheus", "prometheus", command, folder, {"port": port})


def scrape(folder: Path, job: str, ports: Sequence[int]) -> None:
    """Makes these ports the targets of "nodes" or "balancers"."""
    targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    path = folder / f"{job}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(targets))
    fresh.replace(path)
