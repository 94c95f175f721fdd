"""A picture that never comes: a pipe, by which tests hold a process that renders for as long as they like."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

SECONDS = 30.0


class Pipe:
    """To be entered; `path` is what is to be rendered."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pipe"
        os.mkfifo(self.path)
        self._end = -1

    async def read(self) -> None:
        """Returns once somebody reads, who then waits for what is written."""
        deadline = time.monotonic() + SECONDS
        while self._end < 0:
            try:
                self._end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError("nobody reads") from error
                await asyncio.sleep(0.01)

    def close(self) -> None:
        """Whoever reads learns that there is nothing."""
        if self._end >= 0:
            os.close(self._end)
            self._end = -1

    async def end(self, task: "asyncio.Task[object]") -> None:
        """Lets every reader come to its end until `task` is done."""
        deadline = time.monotonic() + SECONDS
        while not task.done() and time.monotonic() < deadline:
            self.close()
            with suppress(OSError):  # nobody reads
                os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.sleep(0.01)

    def __enter__(self) -> "Pipe":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def renderers() -> list[int]:
    """The processes that render for this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = path.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            command = path.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if parent == str(os.getpid()) and b"gigaday.imaging.worker" in command:
            found.append(int(path.name))
    return found
