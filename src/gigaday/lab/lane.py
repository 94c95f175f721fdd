"""One direction of a proxied connection: bytes pass at once, or late, or never.

While no toxic is on it, what is read is written to the other side in the same turn of the loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from gigaday.lab.toxics import Infection, Verdict

Ending = Literal["close", "reset", "eof"]
_HELD_AT_MOST = 1 << 20


class Lane:
    """Writes to `target`; reading from `source` is paused while too much is held. `end` hears how the connection is to
    end."""

    def __init__(
        self,
        source: asyncio.Transport,
        target: asyncio.Transport,
        end: Callable[[Ending], None],
        random: Random,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._source, self._target, self._end = source, target, end
        self._random, self._loop = random, loop
        self._waiting: deque[tuple[float, bytes, Ending | None]] = deque()
        self._held = 0
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stalled = False

    def feed(self, data: bytes, infections: Sequence[Infection]) -> None:
        """Takes what was read."""
        if not infections and not self._waiting:
            self._target.write(data)
            return
        verdict = Verdict(data)
        for infection in infections:
            infection.hit(verdict, self._random)
        if verdict.data or verdict.ending:
            self._queue(verdict.delay, verdict.busy, verdict.data, verdict.ending or None)

    def finish(self, infections: Sequence[Infection]) -> None:
        """Takes that the source has sent its last."""
        self._queue(sum(infection.close_delay for infection in infections), 0.0, b"", "eof")

    def stop(self) -> None:
        """Lets nothing pass any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def stall(self, full: bool) -> None:
        """Takes that the target can or cannot take more at once."""
        self._stalled = full
        self._balance()

    def _queue(self, delay: float, busy: float, data: bytes, ending: Ending | None) -> None:
        now = self._loop.time()
        # Never before what went ahead: a stream keeps its order.
        due = max(now + delay, self._free_at) + busy
        self._free_at = due
        self._waiting.append((due, data, ending))
        self._held += len(data)
        self._balance()
        if self._timer is None:
            self._release()

    def _release(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, data, ending = self._waiting.popleft()
            self._held -= len(data)
            if data:
                self._target.write(data)
            if ending is not None:
                self._end(ending)
                return
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._release)
        self._balance()

    def _balance(self) -> None:
        if self._source.is_closing():
            return
        if self._stalled or self._held > _HELD_AT_MOST:
            self._source.pause_reading()
        else:
            self._source.resume_reading()
