"""A few processes that render: started when first needed, kept warm, replaced when they end or have done their share.

What waits is bounded in number and time; beyond that a caller is told to come again, and the node goes on serving.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gigaday.errors import Unavailable
from gigaday.imaging.frames import Job, Limits, Refused, Reply
from gigaday.imaging.process import Lost, Process

_RETRY_AFTER = 2


class Pool:
    """`workers` processes at most, each for `reuse` jobs. A job takes at most `seconds`; `waiting` jobs wait at most,
    `patience` seconds each. `threads` is how many one process decodes with."""

    def __init__(
        self, limits: Limits | None = None, *, workers: int = 1, threads: int = 2, reuse: int = 200,
        seconds: float = 30.0, waiting: int = 128, patience: float = 10.0,
    ) -> None:  # fmt: skip
        self._limits, self._threads, self._reuse = limits or Limits(), threads, reuse
        self._seconds, self._most_waiting, self._patience = seconds, waiting, patience
        self._free = asyncio.Semaphore(workers)
        self._idle: list[Process] = []
        self.waiting = 0
        """Jobs that wait for a process."""
        self.started = 0
        """Processes so far."""

    async def run(self, job: Job) -> tuple[Reply, bytes]:
        """What became of the job. Raises Unavailable where too many wait, or where two processes in a row were lost
        for another reason than the job."""
        async with self._turn():
            with suppress(Lost):  # may be no fault of the job's: once more tells
                return await self._once(job)
            try:
                return await self._once(job)
            except Lost as error:
                raise Unavailable(str(error), retry_after=_RETRY_AFTER) from error

    async def close(self) -> None:
        """Ends the processes that have no job. No call may follow."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(process.kill() for process in idle))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self.waiting >= self._most_waiting:
            raise Unavailable("Too many images wait to be rendered.", retry_after=_RETRY_AFTER)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unavailable("Too many images wait to be rendered.", retry_after=_RETRY_AFTER) from error
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()

    async def _once(self, job: Job) -> tuple[Reply, bytes]:
        process = self._idle.pop() if self._idle else await self._start()
        try:
            reply, data = await process.ask(job, self._seconds)
        except BaseException:
            await process.kill()
            raise
        if process.jobs >= self._reuse or isinstance(reply, Refused):
            await process.kill()
        else:
            self._idle.append(process)
        return reply, data

    async def _start(self) -> Process:
        process = await Process.start(self._limits, self._threads)
        self.started += 1
        return process
