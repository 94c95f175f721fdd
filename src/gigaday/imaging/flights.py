"""One making of a thing at a time in a process: whoever asks meanwhile waits for the same."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, TypeVar

from gigaday.model.request import idle

R = TypeVar("R")


class Flights(Generic[R]):
    """By name. What is being made goes on though nobody waits any more, so that the next finds it."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Task[R]] = {}

    async def join(self, name: str, make: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """The result of `make`, or of the making of `name` that goes on already; and what it raises."""
        task = self._open.get(name)
        if task is None:
            # In no request's context: others will wait for it, with deadlines of their own.
            task = self._open[name] = asyncio.create_task(make(), context=Context())
            task.add_done_callback(lambda done: self._landed(name, done))
        with idle():  # another process works, and not this one
            return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends all of them."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, name: str, task: asyncio.Task[R]) -> None:
        del self._open[name]
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody did it is no news
