"""One load of a key at a time in a process, and none whose result an invalidation has overtaken.

A reader that loads while a write goes on may hold the old value and store it after the invalidation: the invalidation
taints its flight, so that the result is given to those who wait and to nobody else.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import nullcontext
from contextvars import Context
from typing import Any, Generic, TypeVar

from gigaday.errors import BackendDown
from gigaday.model.request import idle
from gigaday.rules.tags import ALL

R = TypeVar("R")


class Flight(Generic[R]):
    """A load that began at monotonic second `began`. It is the work of the request that first waits for it; the others
    have none."""

    __slots__ = ("_awaited", "began", "key", "tags", "tainted", "task")

    task: asyncio.Task[R]

    def __init__(self, key: str, tags: Sequence[str], began: float) -> None:
        self.key, self.tags, self.began = key, tuple(tags), began
        self.tainted = self._awaited = False

    async def landed(self) -> R:
        """The result. A waiter that is cancelled leaves the load to the others, or to the cache. Raises BackendDown
        where the load was ended, as the node stops."""
        working, self._awaited = not self._awaited, True
        try:
            with nullcontext() if working else idle():
                return await asyncio.shield(self.task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if self.task.cancelled() and not (waiter and waiter.cancelling()):
                raise BackendDown("the load was ended") from None
            raise


class Flights(Generic[R]):
    """The loads going on: by key, for those who may join, and by tag, for the invalidations."""

    def __init__(self) -> None:
        self._open: dict[str, Flight[R]] = {}
        self._tagged: dict[str, set[Flight[R]]] = {}
        self.tainted = 0

    def joinable(self, key: str) -> Flight[R] | None:
        """The load of `key` whose result is still good for whoever comes now."""
        return self._open.get(key)

    def start(
        self, key: str, tags: Sequence[str], began: float, load: Callable[[Flight[R]], Coroutine[Any, Any, R]],
        *, alone: bool = False,
    ) -> Flight[R]:  # fmt: skip
        """Begins a load, which takes the place of one that is `key`'s already. Nobody joins one that flies `alone`."""
        flight = Flight[R](key, tags, began)
        if not alone:
            self._open[key] = flight
        for tag in {*flight.tags, ALL}:
            self._tagged.setdefault(tag, set()).add(flight)
        # In no request's context: others will wait for it, with deadlines of their own.
        flight.task = asyncio.create_task(load(flight), context=Context())
        flight.task.add_done_callback(lambda task: self._end(flight, task))
        return flight

    def taint(self, tags: Iterable[str]) -> None:
        """What is being loaded under any of `tags` may be old."""
        for tag in tags:
            for flight in self._tagged.get(tag, ()):
                self._taint(flight)

    def taint_all(self) -> None:
        self.taint((ALL,))

    async def close(self) -> None:
        """Ends every load."""
        tasks = [flight.task for flight in self._tagged.get(ALL, ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _taint(self, flight: Flight[R]) -> None:
        if not flight.tainted:
            flight.tainted = True
            self.tainted += 1
            self._close(flight)

    def _close(self, flight: Flight[R]) -> None:
        if self._open.get(flight.key) is flight:
            del self._open[flight.key]

    def _end(self, flight: Flight[R], task: asyncio.Task[R]) -> None:
        self._close(flight)
        for tag in {*flight.tags, ALL}:
            flights = self._tagged[tag]
            flights.discard(flight)
            if not flights:
                del self._tagged[tag]
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody did it is no news
