"""A spike of ten times what a node can do, on lists that no cache holds: what gets done, and how refusals fare."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench import processes
from bench.crowd import Crowd
from bench.open_loop import Phase, Second, drive
from bench.plot import lines
from bench.report import Figure
from bench.scene import Scene, scene
from gigaday import compose

CALM, SPIKE, AFTER = 5, 8, 12
LOAD, TIMES = 0.7, 10
TENANTS, EACH = 8, 200
_PATH = "/api/v1/products?price.amount%5Bgte%5D=-"
_LEARNING, _CONNECTIONS = 4, 16


def run(scale: float) -> list[Figure]:
    """Of one node on SQLite and one core. Its capacity is found first, then the open-loop load begins."""
    calm, spike, after = (max(least, round(seconds * scale)) for seconds, least in ((CALM, 3), (SPIKE, 4), (AFTER, 8)))
    crowd = Crowd(TENANTS, EACH)
    with scene() as place:
        asyncio.run(_fill(place, crowd))
        headers = [f"Authorization: Bearer {crowd.token(tenant)}" for tenant in crowd.numbers]
        with processes.serving(place.environ) as served:
            [learnt] = drive(served.port, headers, _PATH, [Phase(0, _LEARNING, _CONNECTIONS)])
            capacity = _done(learnt[1:])
            phases = [Phase(capacity * LOAD, calm), Phase(capacity * TIMES, spike), Phase(capacity * LOAD, after)]
            with ThreadPoolExecutor(1) as beside:
                driven = beside.submit(drive, served.port, headers, _PATH + "7", phases)
                time.sleep(calm + 2)  # well within the spike, though connecting takes a moment
                busy = _cores(served.worker, spike - 3)
                before, during, later = driven.result()
    whole = [*before, *during, *later]
    lines("shed", f"Lists a second; {TIMES} times a node's capacity from second {calm} to {calm + spike}",
          range(len(whole)), {"done": [second.statuses[200] for second in whole]})  # fmt: skip
    return [
        *_figures(capacity, before[1:], during[1:], later),
        Figure("cores that the worker has in the spike, of 2 shared with the load", f"{busy:.2f}"),
    ]


def _cores(pid: int, seconds: float) -> float:
    before = processes.cpu(pid)
    time.sleep(seconds)
    return (processes.cpu(pid) - before) / seconds


async def _fill(place: Scene, crowd: Crowd) -> None:
    async with compose.open_backends(place.settings) as backends:
        await crowd.fill(backends, place.settings)


def _done(seconds: Sequence[Second]) -> float:
    """Lists answered a second."""
    return sum(second.statuses[200] for second in seconds) / len(seconds)


def _figures(capacity: float, before: list[Second], during: list[Second], later: list[Second]) -> Iterator[Figure]:
    calm, spike = _done(before), _done(during)
    told = f"{spike / capacity:.0%}  ({spike:,.0f}/s)"
    yield Figure("capacity, in lists a second (16 at a time)", f"{capacity:,.0f}")
    yield Figure(f"done at {TIMES} times the capacity / the capacity", told, ">= 90 %")
    yield Figure(f"done before, at {LOAD:.0%} of it, and afterwards", f"{calm:,.0f}/s, {_done(later[-3:]):,.0f}/s")
    yield Figure("answers in the spike, of those asked", _shares(during))
    yield Figure("a refusal takes, from when it was due", _times(_took(during, refused=True)), "< 5 ms")
    lists = f"{_times(_took(during, refused=False))} / {_times(_took(before, refused=False))}"
    yield Figure("a list takes in the spike / before", lists)
    yield Figure("seconds from the spike's end until 95 % of what is asked is done", _recovery(later), "<= 10")


def _took(seconds: Sequence[Second], *, refused: bool) -> list[float]:
    return [took for second in seconds for status, all_ in second.took.items() if (status != 200) == refused
            for took in all_]  # fmt: skip


def _shares(seconds: Sequence[Second]) -> str:
    asked = sum(second.due for second in seconds)
    statuses = sum((second.statuses for second in seconds), Counter[int]())
    told = [f"{status}: {count / asked:.0%}" for status, count in sorted(statuses.items())]
    unsent = sum(second.unsent for second in seconds)
    return ", ".join([*told, f"never sent: {unsent / asked:.0%}", f"of {asked / len(seconds):,.0f}/s"])


def _times(took: list[float]) -> str:
    if not took:
        return "none"
    ordered = sorted(took)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {middle * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms"


def _recovery(later: list[Second]) -> str:
    for number in range(len(later)):
        if all(one.statuses[200] >= 0.95 * one.due for one in later[number:-1]):
            return f"{number}"
    return f"more than {len(later)}"
