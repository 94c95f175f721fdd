"""Has the CDN forget what was written, soon after and without a write ever waiting for it.

What is asked within a moment goes together. What an edge could not be told stays owed, and is tried until it can. Each
purge is repeated some time later: an edge may fetch, right after the first, what a node that has not heard of the write
yet still believes, or store an answer that was on its way before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from gigaday.caching.owed import MOST, Owed
from gigaday.errors import BackendDown
from gigaday.rules import tags as tag_names

_SLOWEST_RETRY = 5.0
_LAST_WORD = 2.0
"""Seconds that what is owed is still tried for when the node ends."""


class CdnPurge:
    """Purges one edge by `purge`, which raises BackendDown. What comes within `pause` seconds goes together; `echoes`
    are the seconds after which each purge is repeated; `worth` names those of some tags that are to be purged."""

    def __init__(
        self,
        purge: Callable[[Sequence[str]], Awaitable[None]],
        *,
        pause: float = 0.05,
        echoes: Sequence[float] = (1.5, 12.0),
        worth: Callable[[Sequence[str]], Awaitable[tuple[str, ...]]] | None = None,
    ) -> None:
        self._purge, self._pause, self._echoes, self._worth = purge, pause, tuple(echoes), worth
        self._owed = Owed()
        self._worker: asyncio.Task[None] | None = None
        self._coming: dict[asyncio.TimerHandle, tuple[str, ...]] = {}
        self.purges = self.failures = 0
        """Requests that the edge took, and those that it did not."""

    @property
    def owed(self) -> int:
        """Tags that the edge has not been told yet."""
        return len(self._owed.all())

    def heed(self, tags: Sequence[str]) -> None:
        """Takes them on; never fails and never waits."""
        self._add(tuple(tag for tag in tags if tag_names.delivered(tag)), self._echoes)

    async def close(self) -> None:
        """Tells what is still owed, with what was to be repeated, if the edge takes it at once."""
        for timer, tags in self._coming.items():
            timer.cancel()
            self._owed.add(tags)
        self._coming.clear()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._owed.failed()
        self._worth = None  # what it asks may be closed by now
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD):
                await self._attempt()

    def _add(self, tags: tuple[str, ...], echoes: tuple[float, ...]) -> None:
        if not tags:
            return
        self._owed.add(tags)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        for seconds in echoes:
            self._later(seconds, tags)

    def _later(self, seconds: float, tags: tuple[str, ...]) -> None:
        def due() -> None:
            del self._coming[timer]
            self._add(tags, ())

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._coming[timer] = tags

    async def _work(self) -> None:
        pause = self._pause
        while self._owed:
            await asyncio.sleep(pause)
            pause = self._pause if await self._attempt() else min(_SLOWEST_RETRY, max(0.1, pause * 2))

    async def _attempt(self) -> bool:
        """Whether the edge has been told all that is owed."""
        tags = self._owed.attempt()
        if self._worth is not None:
            tags = await self._worth(tags)
        try:
            for start in range(0, len(tags), MOST):
                await self._purge(tags[start : start + MOST])
        except BackendDown:
            self._owed.failed()
            self.failures += 1
            return False
        self._owed.succeeded()
        self.purges += 1
        return True
