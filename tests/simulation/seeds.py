"""Runs a scenario under many seeds, on every core. A failing seed is named in the failure, and `SEED=<it>` replays it
alone."""

import multiprocessing
import os
from collections.abc import Callable, Coroutine, Iterable
from multiprocessing.connection import Connection
from typing import Any

from tests.simulation.virtual import run

Scenario = Callable[[int], Coroutine[Any, Any, None]]
_FORK = multiprocessing.get_context("fork")


def replay(scenario: Scenario, seeds: int) -> None:
    """Under each of so many seeds, or under the one that the environment's SEED names."""
    only = os.environ.get("SEED")
    failing = int(only) if only else first_failing(scenario, seeds)
    if failing is None:
        return
    try:
        run(scenario(failing))
    except BaseException as error:
        error.add_note(f"replay it with SEED={failing}")
        raise
    assert only, f"seed {failing} failed, and did not when replayed: something random does not come from the seed"


def first_failing(scenario: Scenario, seeds: int) -> int | None:
    """The least seed that fails, of those that were reached: each core stops at its first."""
    cores = len(os.sched_getaffinity(0))
    shares = [range(core, seeds, cores) for core in range(cores)]
    return min((seed for seed in map(_outcome, [_begin(scenario, share) for share in shares]) if seed is not None),
               default=None)  # fmt: skip


def _begin(scenario: Scenario, share: Iterable[int]) -> Connection:
    told, tell = _FORK.Pipe(duplex=False)
    _FORK.Process(target=_try, args=(scenario, share, tell), daemon=True).start()
    tell.close()
    return told


def _try(scenario: Scenario, share: Iterable[int], tell: Connection) -> None:
    for seed in share:
        try:
            run(scenario(seed))
        except BaseException:  # noqa: BLE001 - it is raised when the seed is replayed
            tell.send(seed)
            return
    tell.send(None)


def _outcome(told: Connection) -> int | None:
    """Raises EOFError where the process died."""
    seed: int | None = told.recv()
    return seed
