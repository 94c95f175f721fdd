"""`gigaday import` of a large file on SQLite and on MongoDB: rows a second and peak memory."""

from pathlib import Path

import msgspec

from bench import processes
from bench.report import Figure, mib
from bench.scene import SEED, TENANT, scene
from gigaday.rules import catalogue

ROWS = 1_000_000


def run(scale: float) -> list[Figure]:
    """Two figures a database."""
    rows = int(ROWS * scale)
    return [figure for database in ("SQLite", "MongoDB") for figure in _on(database, rows)]


def _on(database: str, rows: int) -> list[Figure]:
    with scene(database) as place:
        file = place.folder / "rows.jsonl"
        _write(file, rows)
        command = [*processes.GIGADAY, "import", str(file), "--tenant", TENANT]
        seconds, peak = processes.watched(command, place.environ)
    return [
        Figure(f"{database}: import of {rows:,} rows", f"{rows / seconds:,.0f} rows/s  ({seconds:.0f} s)"),
        Figure(f"{database}: peak memory of that import", mib(peak), "< 200 MiB"),
    ]


def _write(file: Path, rows: int) -> None:
    with file.open("wb") as out:
        for product in catalogue.products(SEED, rows):
            out.write(msgspec.json.encode(product) + b"\n")
