"""What `import` and `export` show while they work: progress on a terminal, rejected rows, the tally."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TextIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from gigaday.errors import Fault
from gigaday.ops.importer import Reject, Source, Tally
from gigaday.ops.rows import RowFile
from gigaday.rules import tabular
from gigaday.rules.mapping import Mapping

SHOWN = 10


def source(file: RowFile, mapping: Mapping | None) -> Iterator[Source]:
    """The file's rows as products to be: through the mapping, or else as `export` writes them."""
    for line, row in file:
        yield line, row if isinstance(row, Fault) else _shaped(row, file, mapping)


def _shaped(row: dict[str, Any], file: RowFile, mapping: Mapping | None) -> dict[str, Any] | list[Fault]:
    if mapping is not None:
        return mapping.apply(row)
    row = tabular.without_server_made(row)
    return tabular.unflatten(row) if file.format == "csv" else row


class Rejects:
    """Rejected rows: all of them as JSON lines in a file where one is named, the first few in words on `err`."""

    def __init__(self, path: Path | None, err: TextIO) -> None:
        self._file: IO[bytes] | None = path.open("wb") if path else None
        self._path = path
        self._err = err
        self._count = 0

    def add(self, reject: Reject) -> None:
        """Takes one in."""
        self._count += 1
        if self._file is not None:
            self._file.write(msgspec.json.encode(reject) + b"\n")
        if self._count <= SHOWN:
            print(in_words(reject), file=self._err)

    def close(self) -> None:
        """Completes the file and says where the rest is."""
        if self._file is not None:
            self._file.close()
        where = f"all are in {self._path}" if self._path else "--rejects FILE keeps them all"
        if self._count > SHOWN:
            print(f"and {self._count - SHOWN} more rejected rows; {where}", file=self._err)
        elif self._count and self._path:
            print(f"rejected rows are in {self._path}", file=self._err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def in_words(reject: Reject) -> str:
    """One line: where, which and why."""
    sku = f" (sku {reject.sku})" if reject.sku else ""
    reasons = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in reject.errors)
    return f"line {reject.line}{sku} rejected: {reasons}"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        rows, elapsed = task.fields.get("rows", 0), task.elapsed or 0.0
        rate = f" ({rows / elapsed:,.0f}/s)" if elapsed > 0.5 else ""
        return Text(f"{rows:,} rows{rate}")


class Meter:
    """A progress bar by bytes, with rows a second; shown only where `err` is a terminal."""

    def __init__(self, what: str, total: int | None, err: TextIO) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            DownloadColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=Console(file=err), disable=not err.isatty(), transient=True)
        self._task = self._progress.add_task(what, total=total, rows=0)
        self.rows = 0

    def show(self, rows: int, done: int) -> None:
        """`rows` so far, `done` bytes so far."""
        self.rows = rows
        self._progress.update(self._task, completed=done, rows=rows)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()


def tally_row(tally: Tally, seconds: float) -> dict[str, Any]:
    """The tally as shown at the end."""
    return {**msgspec.to_builtins(tally), "seconds": round(seconds, 1), "rows_per_second": _rate(tally.read, seconds)}


def _rate(rows: int, seconds: float) -> int:
    return round(rows / seconds) if seconds > 0 else 0


def errors() -> TextIO:
    """Where progress and reasons go: beside the result, which may be piped."""
    return sys.stderr
