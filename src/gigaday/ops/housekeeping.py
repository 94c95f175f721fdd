"""Chores done now and then beside the serving: each on its own, so that one that fails holds up no other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from structlog.typing import FilteringBoundLogger

Chores = Mapping[str, Callable[[], Awaitable[object]]]
"""What is done, by the name that the log shows."""


async def keep_house(chores: Chores, log: FilteringBoundLogger, every: float) -> None:
    """Does every chore in turn, and again after `every` seconds, until cancelled."""
    while True:
        for name, chore in chores.items():
            await _do(name, chore, log)
        await asyncio.sleep(every)


async def _do(name: str, chore: Callable[[], Awaitable[object]], log: FilteringBoundLogger) -> None:
    try:
        await chore()
    except Exception as error:  # noqa: BLE001 - whatever it is, the next round may do better, and the other chores do
        log.warning("chore_failed", chore=name, error=type(error).__name__, reason=str(error))
