"""Memory: the local cache against its budget, for few tenants and for many; and over many requests."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import linear_regression
from typing import TypeVar

from bench import resident
from bench.crowd import Crowd
from bench.plot import bars, lines
from bench.report import Figure, mib
from bench.resident import Grown
from bench.scene import scene

R = TypeVar("R")
TENANTS = {"10 tenants": 10, "100,000 tenants": 100_000}
CROWD, EACH = 30_000, 2
REQUESTS = 10_000_000


def run(scale: float) -> list[Figure]:
    """Each part in a process of its own, whose memory nothing else has shaped."""
    alone = {name: _apart(resident.fill_cache, tenants) for name, tenants in TENANTS.items()}
    alone["10 tenants, each answer in three encodings"] = _apart(resident.fill_cache, 10, ("", "gzip", "br"))
    # Never fewer tenants than overfill the part of the budget that tokens have.
    whole, database = _crowded(Crowd(max(10_000, int(CROWD * scale)), EACH))
    seen = _steady(max(200_000, int(REQUESTS * scale)))
    bars("memory", "MiB that the process grew by, its caches of 64 MiB being full",
         {**{f"the cache alone, {name}": grown.process / 2**20 for name, grown in alone.items()},
          "a whole node": whole.process / 2**20, "its database's cache": database / 2**20})  # fmt: skip
    lines("memory-requests", "Resident MiB by thousands of requests", [count // 1_000 for count, _ in seen],
          {"node": [size / 2**20 for _, size in seen]})  # fmt: skip
    return [
        *(Figure(f"full cache, {name}: growth of the process / the cache's own account", _against(grown), "0.9 to 1.1")
          for name, grown in alone.items()),
        Figure("whole node asked by many tenants: the same", _against(whole)),
        Figure("the same without SQLite's own cache, which is bounded apart",
               _against(Grown(whole.process - database, whole.caches)), "<= 1.1"),
        _slope(seen),
    ]  # fmt: skip


def _crowded(crowd: Crowd) -> tuple[Grown, int]:
    with scene() as place:
        _apart(resident.fill_store, place.environ, crowd)
        return _apart(resident.ask_each, place.environ, crowd), _apart(resident.read_each, place.environ, crowd)


def _steady(requests: int) -> list[tuple[int, int]]:
    crowd = Crowd(1, 100)
    with scene() as place:
        _apart(resident.fill_store, place.environ, crowd)
        return _apart(resident.ask_often, place.environ, crowd, requests)


def _apart(work: Callable[..., R], *arguments: object) -> R:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _against(grown: Grown) -> str:
    return f"{grown.process / grown.caches:.2f}  ({mib(grown.process)} / {mib(grown.caches)})"


def _slope(seen: list[tuple[int, int]]) -> Figure:
    """Of the second half: the first warms up."""
    later = seen[len(seen) // 2 :]
    slope = linear_regression(*zip(*later, strict=True)).slope * 1_000_000
    grown = mib(later[-1][1] - later[0][1])
    return Figure(
        f"resident memory over {seen[-1][0]:,} requests, second half", f"{grown}; {mib(slope)} a million", "flat"
    )
