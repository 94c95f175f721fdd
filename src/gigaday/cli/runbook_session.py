"""What a procedure works with while it runs: back ends, a laboratory if one is named, and a person."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gigaday import compose
from gigaday.cli.operator import How, settings_of, whoami
from gigaday.cli.output import note, show
from gigaday.cli.runbook_progress import Progress
from gigaday.cli.session import Load, with_backends
from gigaday.contracts import Clock
from gigaday.errors import BackendDown, BadRequest, GigadayError
from gigaday.ops.audit import Audit
from gigaday.ops.runbook import Report, Runbook, Step, Stopped
from gigaday.ops.runbook_cache import Answers
from gigaday.ops.runbook_database import ReplicaSet
from gigaday.ops.runbook_modes import ModeSteps
from gigaday.ops.runbook_spike import Alone, Announced, Nodes
from gigaday.settings import Settings

_UNREACHED = (
    "{}\nNothing was changed: the procedure is kept where the modes are, in the database. What needs none of it:\n"
    "  on each node:          gigaday mode set serve_stale --here   (or read_only, or shed)\n"
    "  where there is no primary, nodes refuse writes and read from secondaries by themselves"
)


@dataclass(frozen=True)
class Session:
    """While the back ends are open."""

    backends: compose.Backends
    settings: Settings
    by: str
    lab: Path | None
    progress: Progress
    closing: AsyncExitStack

    @property
    def clock(self) -> Clock:
        return self.backends.clock

    @property
    def shares(self) -> bool:
        """Whether nodes share a cache."""
        return self.backends.coherence.shared is not None

    def writable(self) -> bool:
        return self.backends.plain.writable()

    def ask(self, to_do: str) -> None:
        """Tells the person what only they can do."""
        self.progress.ask(to_do)

    def mode_steps(self, procedure: str) -> ModeSteps:
        return ModeSteps(compose.modes(self.backends, self.settings), self.clock, self.by, procedure)

    def nodes(self) -> Nodes:
        """What serves."""
        if self.lab is not None:
            from gigaday.cli.runbook_lab import LabNodes

            return LabNodes(self.lab, self.progress.note)
        stream = self.backends.coherence.stream
        return Announced(stream, self.clock) if stream is not None else Alone()

    def failover(self) -> ReplicaSet | None:
        opened = compose.database_failover(self.settings)
        if opened is not None:
            self.closing.push_async_callback(opened.close)
        return opened

    def backup(self) -> Answers | None:
        return compose.backup_answers(self.settings)


Steps = Callable[[Session], list[Step]]


def perform(load: Load, name: str, asked: How, steps: Steps) -> None:
    """Runs, undoes or only plans the procedure, and shows what has become of it. Raises GigadayError."""
    if asked.dry_run and asked.undo:
        raise BadRequest("Say one of --dry-run and --undo.")
    own = settings_of(asked.lab, load)
    by = asked.by or whoami()
    progress = Progress(asked.dry_run)

    async def work(backends: compose.Backends, settings: Settings) -> Report | None:
        async with AsyncExitStack() as closing:
            session = Session(backends, settings, by, asked.lab, progress, closing)
            return await _work(name, asked, steps(session), compose.audit(backends, settings, by), progress)

    try:
        with progress:
            report = with_backends(own, work)
    except Stopped as stopped:
        _show(stopped.report, asked.json)
        raise
    except BackendDown as error:
        if not asked.dry_run:
            asyncio.run(_failed(compose.audit(None, own(), by), name, error))
        raise BackendDown(_UNREACHED.format(error)) from error
    except KeyboardInterrupt:
        note(f"Interrupted. What was begun is in `gigaday audit`; go on with the same command, or back with: "
             f"gigaday runbook {name} --undo")  # fmt: skip
        raise
    if report is None:
        note("Nothing was changed.")
    else:
        _show(report, asked.json)


async def _work(name: str, asked: How, steps: list[Step], audit: Audit, progress: Progress) -> Report | None:
    runbook = Runbook(name, steps, audit, progress.tell)
    if asked.dry_run:
        return await runbook.plan()
    if not (asked.yes or await progress.agreed(runbook, undo=asked.undo)):
        return None
    return await (runbook.undo() if asked.undo else runbook.run())


async def _failed(audit: Audit, name: str, error: GigadayError) -> None:
    await audit.add("failed", name, result=str(error))


def _show(report: Report, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        show(msgspec.to_builtins(report), as_json=True)
        return
    note(f"{report.procedure}: {report.result}" + (f" (run {report.run})" if report.run else ""))
    if report.back and report.result != "stopped":
        note(f"Undo it with: {report.back}")
