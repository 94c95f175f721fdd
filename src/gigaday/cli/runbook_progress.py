"""What a person sees of a procedure while it runs, on the standard error."""

import asyncio
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from gigaday.ops.runbook import Result, Told

if TYPE_CHECKING:
    from rich.status import Status

    from gigaday.ops.runbook import Runbook

_MARKS: dict[Result, str] = {
    "planned": "[cyan]·[/cyan]",
    "done": "[green]✔[/green]",
    "undone": "[green]↶[/green]",
    "skipped": "[dim]–[/dim]",
    "failed": "[red]✖[/red]",
}


class Progress:
    """A line a step, and while one is at work its name. In a context, which ends the latter."""

    def __init__(self, explain: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._explain = explain
        self._status: Status | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rest()

    def tell(self, told: Told) -> None:
        self._rest()
        if told.result == "working":
            self._status = self._console.status(escape(told.step))
            self._status.start()
            return
        line = f"{_MARKS[told.result]} {escape(told.step)}"
        self._print(line + (f": {escape(told.told)}" if told.told else ""))
        if self._explain:
            self._print(f"  [dim]{escape(told.why)}[/dim]")

    def note(self, text: str) -> None:
        self._print(f"  {escape(text)}")

    def ask(self, to_do: str) -> None:
        """What only the person can do."""
        self._print(f"[yellow]>[/yellow] {escape(to_do)}")

    async def agreed(self, runbook: "Runbook", *, undo: bool) -> bool:
        """Whether the person agrees, where there is one; shown to them first is what would be done."""
        if not sys.stdin.isatty():
            return True
        if not undo:
            await runbook.plan()
        question = "Undo it?" if undo else "Do it?"
        answer = await asyncio.to_thread(self._console.input, f"[bold]{question}[/bold] \\[y/N] ")
        return answer.strip().lower() in ("y", "yes")

    def _print(self, line: str) -> None:
        # As it is where nobody looks, so that it can be searched and copied.
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
