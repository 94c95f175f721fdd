"""One process that renders, as the node sees it: started, asked, and killed where it takes too long."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

import gigaday
from gigaday.errors import GigadayError, Unavailable
from gigaday.imaging.frames import LENGTH, MOST_BYTES, READY, Job, Limits, Refused, Rendered, Reply, framed

START_SECONDS = 30.0
_ROOT = Path(gigaday.__file__).parents[1]
_BY_ITS_JOB = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP,
               signal.SIGXCPU)  # fmt: skip
"""What ends a process that the image has overtaxed or led astray."""


class Lost(GigadayError):
    """The process ended, or was ended, for a reason that need not be the image's."""


class Process:
    """Does one job at a time. A call that is cancelled leaves it unusable: kill it."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._child, self._reader, self._writer = child, reader, writer
        self.jobs = 0

    @property
    def pid(self) -> int:
        return self._child.pid

    @classmethod
    async def start(cls, limits: Limits, threads: int) -> "Process":
        """Raises Unavailable where none can be started."""
        ours, theirs = socket.socketpair()
        try:
            child = await asyncio.to_thread(_spawn, limits, threads, theirs)
        except OSError as error:
            ours.close()
            raise Unavailable("No process can be started to render the image.") from error
        finally:
            theirs.close()
        process = cls(child, *await asyncio.open_connection(sock=ours))
        is_ready = False
        try:
            with suppress(Lost, TimeoutError):  # told below
                async with asyncio.timeout(START_SECONDS):
                    is_ready = await process._frame() == READY
        finally:
            if not is_ready:
                await process.kill()
        if not is_ready:
            raise Unavailable("The process that renders images does not start.")
        return process

    async def ask(self, job: Job, seconds: float) -> tuple[Reply, bytes]:
        """The reply, and the rendering where there is one. Raises Lost."""
        self.jobs += 1
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(framed(msgspec.json.encode(job)))
                await self._writer.drain()
                reply: Reply = msgspec.json.decode(await self._frame(), type=Reply)
                return reply, await self._frame() if isinstance(reply, Rendered) else b""
        except TimeoutError as error:
            await self.kill()
            raise Lost(f"The image was not rendered in {seconds:g} seconds.") from error
        except (Lost, OSError, msgspec.DecodeError) as error:
            code = await self.kill()
            if -code in _BY_ITS_JOB:
                return Refused("It is damaged, or takes more time or memory than there is for it."), b""
            raise Lost(f"The process that rendered the image ended with {code}.") from error

    async def kill(self) -> int:
        """Ends it; how it had ended before, where it had."""
        self._writer.close()
        return await asyncio.shield(asyncio.to_thread(_end, self._child))

    async def _frame(self) -> bytes:
        """Raises Lost at the end, or where it would be too long."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MOST_BYTES:
                raise Lost("The rendering is too large.")
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Lost("The process ended.") from error


def _spawn(limits: Limits, threads: int, channel: socket.socket) -> "subprocess.Popen[bytes]":
    """With nothing of the node's environment, which holds its secrets."""
    command = [sys.executable, "-m", "gigaday.imaging.worker", msgspec.json.encode(limits).decode()]
    environment = {
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]),
        "VIPS_BLOCK_UNTRUSTED": "1",
        "VIPS_CONCURRENCY": str(threads),
        # Temporary files are forbidden: what is too large is to fail, and not to be written to disk.
        "VIPS_DISC_THRESHOLD": "1000g",
        "MALLOC_ARENA_MAX": "2",
    }
    return subprocess.Popen(  # noqa: S603 - no words of a stranger
        command, stdin=channel.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
        start_new_session=True,
    )  # fmt: skip


def _end(child: "subprocess.Popen[bytes]") -> int:
    """A moment to end of itself, as when it is about to say so by its signal."""
    try:
        return child.wait(0.2)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
