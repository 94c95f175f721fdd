"""How much work of one kind gets done in a time by so many that each do one piece after the other."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from bench.report import medians

T = TypeVar("T")
Work = Callable[[T], Awaitable[object]]


async def rate(work: Work[T], pieces: Iterator[T], at_once: int, seconds: float) -> float:
    """Pieces a second, with `at_once` in flight all the time."""
    until = time.perf_counter() + seconds
    done = 0

    async def one_after_the_other() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await work(next(pieces))
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return done / (time.perf_counter() - started)


async def rates(
    works: Sequence[Work[T]], pieces: Iterator[T], at_once: int, seconds: float, rounds: int
) -> list[float]:
    """The median of each kind of work, all of them measured once in every round."""
    return medians([[await rate(work, pieces, at_once, seconds) for work in works] for _ in range(rounds)])
