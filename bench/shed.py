"""Twice to ten times what a node can do, on lists that no cache holds: what gets done, and how refusals fare.

The node has one core to itself and the load the others: what it does beside refusals is compared with what the same
core does without.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from bench import processes
from bench.crowd import Crowd
from bench.open_loop import Phase, Second, drive
from bench.plot import lines
from bench.report import Figure
from bench.scene import Scene, scene
from gigaday import compose

CALM, SPIKE, AFTER = 5, 8, 12
LOAD, SPIKES = 0.7, (2, 5, 10)
TENANTS, EACH = 8, 200
_PATH = "/api/v1/products?price.amount%5Bgte%5D=-"
_LEARNING, _CONNECTIONS = 4, 16


def run(scale: float) -> list[Figure]:
    """Of one node on SQLite and one core. Its capacity is found first, then the open-loop load begins."""
    calm, spike, after = (max(least, round(seconds * scale)) for seconds, least in ((CALM, 3), (SPIKE, 4), (AFTER, 8)))
    crowd = Crowd(TENANTS, EACH)
    first, *rest = sorted(os.sched_getaffinity(0))
    with scene() as place:
        asyncio.run(_fill(place, crowd))
        headers = [f"Authorization: Bearer {crowd.token(tenant)}" for tenant in crowd.numbers]
        with _on([first]), processes.serving(place.environ) as served, _on(rest or [first]):
            [learnt] = drive(served.port, headers, _PATH, [Phase(0, _LEARNING, _CONNECTIONS)])
            capacity = _done(learnt[1:])
            spikes = [Phase(capacity * times, spike) for times in SPIKES]
            phases = [Phase(capacity * LOAD, calm), *spikes, Phase(capacity * LOAD, after)]
            before, *during, later = drive(served.port, headers, _PATH + "7", phases)
    whole = [second for part in (before, *during, later) for second in part]
    lines("shed", f"Lists a second; {SPIKES} times a node's capacity, {spike} s each, from second {calm}",
          range(len(whole)), {"done": [second.statuses[200] for second in whole]})  # fmt: skip
    return list(_figures(capacity, before[1:], during, later))


@contextmanager
def _on(cores: Collection[int]) -> Iterator[None]:
    """Runs this process, and what it starts meanwhile, on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _fill(place: Scene, crowd: Crowd) -> None:
    async with compose.open_backends(place.settings) as backends:
        await crowd.fill(backends, place.settings)


def _done(seconds: Sequence[Second]) -> float:
    """Lists answered a second."""
    return sum(second.statuses[200] for second in seconds) / len(seconds)


def _figures(
    capacity: float, before: list[Second], spikes: list[list[Second]], later: list[Second]
) -> Iterator[Figure]:
    yield Figure("capacity, in lists a second (16 at a time)", f"{capacity:,.0f}")
    told = f"{_done(before):,.0f}/s, {_done(later[-3:]):,.0f}/s"
    yield Figure(f"done before, at {LOAD:.0%} of it, and afterwards", told)
    for times, during in zip(SPIKES, spikes, strict=True):
        yield from _spike(times, capacity, during[1:])
    yield Figure("a list takes before", _times(_took(before, refused=False)))
    yield Figure("seconds from the last one's end until 95 % of what is asked is done", _recovery(later), "<= 10")


def _spike(times: int, capacity: float, during: list[Second]) -> Iterator[Figure]:
    done, refused = _done(during), _took(during, refused=True)
    yield Figure(f"done at {times} times the capacity / the capacity", f"{done / capacity:.0%}  ({done:,.0f}/s)",
                 ">= 90 %")  # fmt: skip
    yield Figure(f"answers at {times} times, of those asked", _shares(during))
    cost = (1 - done / capacity) / max(1, len(refused)) * len(during)
    yield Figure(f"a refusal costs at {times} times, by what is not done for it", f"{cost * 1e6:.0f} us of the core")
    yield Figure(f"a refusal takes at {times} times, from when it was due", _times(refused), "< 5 ms")
    yield Figure(f"a list takes at {times} times", _times(_took(during, refused=False)))


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
