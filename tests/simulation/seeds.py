"""Runs a scenario under many seeds. A failing seed is named in the failure, and `SEED=<it>` replays it alone."""

import os
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.virtual import run

Scenario = Callable[[int], Coroutine[Any, Any, None]]


def replay(scenario: Scenario, seeds: int) -> None:
    """Under each of so many seeds, or under the one that the environment's SEED names."""
    only = os.environ.get("SEED")
    for seed in [int(only)] if only else range(seeds):
        try:
            run(scenario(seed))
        except BaseException as error:
            error.add_note(f"replay it with SEED={seed}")
            raise
