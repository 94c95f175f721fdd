"""A guard around every call of a technology: a breaker, a deadline and, where it is safe, a retry within a budget."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gigaday.contracts import Clock
from gigaday.errors import BackendBusy, BackendDown, BackendError, BackendNotAsked
from gigaday.model.request import time_left
from gigaday.resilience.breaker import Breaker
from gigaday.resilience.retry_budget import RetryBudget

T = TypeVar("T")
SECONDS = 5.0
"""A call's own limit; the request that it is done for may have less left."""
PROBE_SECONDS = 1.5
"""A probe's own limit, below that of who asks for it, so that the breaker hears of it."""
_TELLING = 1.0
"""Seconds that a call must have been given before its lateness says anything of the technology."""
_QUICK = 0.2
"""Only what failed within so many seconds, as a connection that was lost does, is tried again: what was waited for
longer would fail a second time, and twice as late."""


class Guard:
    """Knows no technology: `work` is whatever is called. With a `budget` a call that failed at once is made once more;
    without one never, for what must not be done twice, or is retried further down."""

    def __init__(
        self, name: str, breaker: Breaker, clock: Clock, *, budget: RetryBudget | None = None, seconds: float = SECONDS
    ) -> None:
        self.name, self.breaker, self.budget = name, breaker, budget
        self._clock, self._seconds = clock, seconds
        self.calls = self.failures = self.refused = 0

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` answers. Raises BackendNotAsked while the breaker is open, and BackendDown past the deadline."""
        self._ask()
        if self.budget is not None:
            self.budget.earn()
        began = self._clock.monotonic()
        try:
            return await self._attempt(work)
        except BackendBusy:
            raise
        except BackendDown:
            if not self._worth_a_retry(began):
                raise
        return await self._attempt(work)

    async def probe(self, work: Callable[[], Awaitable[T]]) -> T:
        """One call that is made though the breaker be open, and may close it."""
        self.breaker.allows()
        return await self._attempt(work, PROBE_SECONDS)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The same for work without a deadline: a stream takes as long as its client does."""
        self._ask()
        with self._telling():
            yield

    async def _attempt(self, work: Callable[[], Awaitable[T]], most: float = math.inf) -> T:
        given = time_left(self._clock.monotonic(), min(self._seconds, most))
        with self._telling():
            try:
                async with asyncio.timeout(given):
                    return await work()
            except TimeoutError:
                told = BackendDown if given >= min(_TELLING, self._seconds) else BackendBusy
                raise told(f"{self.name}: no answer in time") from None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tells the breaker of the outcome. What is no back end's error (a client that went away, a body that is wrong)
        says nothing, nor does a call from before the breaker opened; one that is not an outage is an answer."""
        self.calls += 1
        opened = self.breaker.opened
        try:
            yield
        except BackendBusy:
            raise
        except BackendDown:
            self.failures += 1
            if self.breaker.opened == opened:
                self.breaker.failed()
            raise
        except BackendError:
            self._succeeded(opened)
            raise
        self._succeeded(opened)

    def _succeeded(self, opened: int) -> None:
        if self.breaker.opened == opened:
            self.breaker.succeeded()

    def _ask(self) -> None:
        if not self.breaker.allows():
            self.refused += 1
            raise BackendNotAsked(f"{self.name}: not asked, as it has failed too often just now")

    def _worth_a_retry(self, began: float) -> bool:
        if self.budget is None or self.breaker.state != "closed":
            return False
        return self._clock.monotonic() - began < _QUICK and self.budget.spend()
