"""The bars that `gigaday media` shows while it works, on the standard error and on a terminal alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Unit = Literal["bytes", "items"]


class Bar:
    """What is done of `total`, which may not be known."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """So much more is done."""
        self.done += count
        self._progress.update(self._task, completed=self.done)


@contextmanager
def bar(what: str, total: int | None, unit: Unit, err: TextIO | None = None) -> Iterator[Bar]:
    """A bar, shown while the context lasts."""
    out = err or sys.stderr
    columns: tuple[ProgressColumn, ...] = (
        (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(),)
    )
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(30), *columns, TimeElapsedColumn(),
        TimeRemainingColumn(compact=True), console=Console(file=out), disable=not out.isatty(), transient=True,
    )  # fmt: skip
    with progress:
        yield Bar(progress, what, total)
