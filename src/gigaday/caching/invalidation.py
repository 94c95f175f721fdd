"""Carries invalidations to every place where a value may lie: this process, the shared cache, then the other nodes.

The shared cache comes before the announcement: a node that has dropped its own value must not find the old one there.
What is asked while a round is on its way goes with the next one, so that many writes cost few round trips.
"""

import asyncio
from collections.abc import Callable, Sequence

from gigaday.caching.announcement import Receipt
from gigaday.caching.owed import MOST, Owed
from gigaday.caching.stream import Heeded, Stream
from gigaday.contracts import SharedCache
from gigaday.errors import BackendDown

_RETRY, _SLOWEST_RETRY = 0.1, 1.0


class Invalidation:
    """One for each node. Without a shared cache and a stream, what happens in this process is all there is."""

    def __init__(self, shared: SharedCache | None = None, stream: Stream | None = None) -> None:
        self._shared, self._stream = shared, stream
        self._drops: list[Callable[[Sequence[str]], object]] = []
        self._followers: list[Callable[[Sequence[str]], object]] = []
        self._flushes: list[Callable[[], object]] = []
        self._owed = Owed()
        self._queued: dict[str, None] = {}
        self._sending: tuple[str, ...] = ()
        self._urgent = False
        self._next: asyncio.Future[Receipt] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._mender: asyncio.Task[None] | None = None
        if stream is not None:
            stream.heeded = Heeded(self._drop, self._flush, self._adopt, self.owed)

    def attach(self, drop: Callable[[Sequence[str]], object], flush: Callable[[], object]) -> None:
        """Has a cache of this process told: `drop` what stands under tags, `flush` everything."""
        self._drops.append(drop)
        self._flushes.append(flush)

    def follow(self, heed: Callable[[Sequence[str]], object]) -> None:
        """Has `heed` told of what this node itself invalidates, and of nothing that others announce: what all nodes
        stand behind is to be told once."""
        self._followers.append(heed)

    def believed(self, tags: Sequence[str]) -> bool:
        """Whether a shared value under `tags` is sure not to be one that an invalidation failed to reach."""
        if self._owed.touches(tags) or any(tag in self._queued or tag in self._sending for tag in tags):
            return False
        stream = self._stream
        return stream is None or (stream.settled and (not stream.owed or stream.owed.isdisjoint(tags)))

    def seen(self, token: str) -> bool:
        """Whether a value of this process holds what the receipt's writer wrote; if not, fetch it `direct`."""
        return self._stream is None or self._stream.seen(token)

    async def invalidate(self, tags: Sequence[str], *, urgent: bool = False) -> Receipt:
        """Here at once; elsewhere on return, where nothing is down, else as soon as it can be. Never fails."""
        self._drop(tags)
        for heed in self._followers:
            heed(tags)
        if self._shared is None and self._stream is None:
            return Receipt()
        self._queued.update(dict.fromkeys(tags))
        self._urgent |= urgent
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asyncio.shield(self._next)

    async def close(self) -> None:
        """Waits for what is on its way, which is bounded; what is still owed is lost with this node."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        if self._mender is not None:
            self._mender.cancel()
            await asyncio.gather(self._mender, return_exceptions=True)

    async def _work(self) -> None:
        while self._next is not None:
            self._sending, self._queued = tuple(self._queued), {}
            waiting, self._next = self._next, None
            urgent, self._urgent = self._urgent, False
            receipt = Receipt()
            try:
                await self._send()
                receipt = await self._announce(urgent)
            finally:
                # Whatever happened, the write that is waiting was acknowledged and must not hang.
                self._sending = ()
                waiting.set_result(receipt)

    async def _send(self) -> None:
        if self._shared is None:
            return
        for start in range(0, len(self._sending), MOST):
            try:
                await self._shared.invalidate(self._sending[start : start + MOST])
            except BackendDown:
                self._owe(self._sending[start:])
                return

    async def _announce(self, urgent: bool) -> Receipt:
        receipt = Receipt()
        if self._stream is not None:
            for start in range(0, len(self._sending), MOST):
                receipt = await self._stream.announce(self._sending[start : start + MOST], urgent=urgent)
        return receipt

    def _owe(self, tags: Sequence[str]) -> None:
        self._owed.add(tags)
        if self._mender is None or self._mender.done():
            self._mender = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        pause = _RETRY
        while self._owed and self._shared is not None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _SLOWEST_RETRY)
            tags = self._owed.attempt()
            try:
                for start in range(0, len(tags), MOST):
                    await self._shared.invalidate(tags[start : start + MOST])
            except BackendDown:
                self._owed.failed()
            else:
                self._owed.succeeded()

    def _adopt(self, tags: Sequence[str]) -> None:
        if self._shared is not None:
            self._owe(tags)

    def owed(self) -> tuple[str, ...]:
        """Tags whose invalidation the shared cache has not confirmed yet."""
        return self._owed.all()

    def _drop(self, tags: Sequence[str]) -> None:
        for drop in self._drops:
            drop(tags)

    def _flush(self) -> None:
        for flush in self._flushes:
            flush()
