"""Runs the steps of an emergency procedure, checking each before and after, and undoes them in the reverse order.

Before a step acts, the audit trail has how it was; so whatever becomes of the step, or of this process, the way back is
known. The trail is also what says which run is in force.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from gigaday.errors import Conflict, GigadayError
from gigaday.ops.audit import Audit, Entry, State

_MOST_ENTRIES = 1_000
"""Two for each time that a step which fails is tried again: a run whose beginning is not among them is forgotten."""


class Unneeded(GigadayError):
    """Raised by `check_before`: the step has nothing to do here, for the reason given; the run goes on."""


class StepFailed(GigadayError):
    """Raised by a check or a step that cannot be done, or that did not have its effect; the run stops."""


class Stopped(GigadayError):
    """A step has failed; the message says so, and how to go on or back."""

    def __init__(self, message: str, report: "Report") -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class Step:
    """One measure. `check_before` answers how it is, and under `wanted` how it is to be. `act` is given that, and must
    be safe to repeat. `check_after` answers how it is then, within a bound of its own. `undo` is given both (the second
    is None where the step has not come so far) and answers in words. All raise GigadayError; `check_before` Unneeded,
    too."""

    name: str
    why: str
    check_before: Callable[[], Awaitable[State]]
    act: Callable[[State], Awaitable[None]]
    check_after: Callable[[State], Awaitable[State]]
    undo: Callable[[State, State | None], Awaitable[str]]


Result = Literal["planned", "working", "done", "skipped", "failed", "undone"]


class Told(msgspec.Struct, frozen=True):
    """What has become of a step, or in a dry run what would."""

    step: str
    why: str
    result: Result
    told: str = ""


class Report(msgspec.Struct, frozen=True):
    """What has become of a run. `back` is the command that undoes it, where there is something to undo."""

    procedure: str
    run: str
    result: Literal["planned", "done", "stopped", "undone", "nothing to do"]
    steps: list[Told]
    back: str = ""


@dataclass
class Record:
    """What the audit trail has of the last run of a procedure."""

    begun: Entry
    ended: bool = False
    acted: dict[str, State] = field(default_factory=dict)
    """How it was before each step that has acted and is not undone, in the order of acting."""
    done: dict[str, State] = field(default_factory=dict)

    @property
    def in_force(self) -> bool:
        return bool(self.acted)


def last_run(newest_first: Sequence[Entry]) -> Record | None:
    """The run in force that these entries of one procedure tell of, or else the last one."""
    records: dict[str, Record] = {}
    for entry in reversed(newest_first):
        if entry.what == "begun":
            records[entry.run] = Record(entry)
        elif entry.run in records:
            _take(records[entry.run], entry)
    latest = list(reversed(records.values()))
    return next((record for record in latest if record.in_force), latest[0] if latest else None)


def _take(record: Record, entry: Entry) -> None:
    if entry.what == "acting":
        record.acted[entry.step] = entry.before or {}
    elif entry.what == "done":
        record.done[entry.step] = entry.after or {}
    elif entry.what == "undone":
        record.acted.pop(entry.step, None)
        record.done.pop(entry.step, None)
    elif entry.what == "ended":
        record.ended = True


class Runbook:
    """The procedure `name`; `tell` hears of each step as it begins and ends."""

    def __init__(
        self, name: str, steps: Sequence[Step], audit: Audit, tell: Callable[[Told], None] = lambda told: None
    ) -> None:
        self._name, self._steps, self._audit, self._tell = name, tuple(steps), audit, tell
        self._back = f"gigaday runbook {name} --undo"

    async def plan(self) -> Report:
        """What `run` would do, and nothing done."""
        known = await self._last()
        done = known.done if known is not None and known.in_force else {}
        steps = [await self._foreseen(step, step.name in done) for step in self._steps]
        run = known.begun.run if known is not None and known.in_force else ""
        return Report(self._name, run, "planned", steps, self._back if run else "")

    async def run(self) -> Report:
        """Does every step, or goes on after those that a stopped run has done. Raises Conflict where a run is in force
        that has come to its end, and Stopped where a step fails."""
        known = await self._last()
        if known is not None and known.in_force and known.ended:
            raise Conflict(
                f"The {self._name} procedure is in force since {known.begun.at}, by {known.begun.by} (run "
                f"{known.begun.run}). First undo it: {self._back}"
            )
        if known is None or not known.in_force:
            known = await self._begin(known)
        run = known.begun.run
        told: list[Told] = []
        for step in self._steps:
            told.append(await self._do(step, run, known))
            if told[-1].result == "failed":
                raise Stopped(*self._stopped(run, told, bool(known.acted)))
        await self._audit.add("ended", self._name, run)
        await self._audit.deliver()
        result: Any = "done" if known.acted else "nothing to do"
        return Report(self._name, run, result, told, self._back if known.acted else "")

    async def undo(self) -> Report:
        """Undoes the steps of the run in force, the last one first. Raises Stopped where one cannot be; those before
        it are left for the next time."""
        known = await self._last()
        if known is None or not known.in_force:
            return Report(self._name, "", "nothing to do", [])
        run, told = known.begun.run, []
        steps = {step.name: step for step in self._steps}
        if unknown := set(known.acted) - set(steps):
            raise Conflict(f"There is no step {min(unknown)!r} here; undo it with the version that has done it.")
        for name in reversed(list(known.acted)):
            told.append(await self._undo(steps[name], run, known))
            if told[-1].result == "failed":
                raise Stopped(*self._stopped(run, told, True))
        await self._audit.add("restored", self._name, run)
        await self._audit.deliver()
        return Report(self._name, run, "undone", told)

    async def _begin(self, last: Record | None) -> Record:
        """Raises Conflict where somebody else begins at this moment: both then see each other, and may give way."""
        begun = await self._audit.add("begun", self._name)
        known = {begun.run, last.begun.run if last is not None else ""}
        for entry in await self._audit.entries(_MOST_ENTRIES, self._name):
            if entry.what == "begun" and entry.run not in known and not (last and entry.id < last.begun.id):
                await self._audit.add("ended", self._name, begun.run, result="somebody else had begun")
                raise Conflict(f"{entry.by} has begun the {self._name} procedure at {entry.at}; see: gigaday audit")
        return Record(begun)

    async def _last(self) -> Record | None:
        return last_run(await self._audit.entries(_MOST_ENTRIES, self._name))

    async def _foreseen(self, step: Step, done: bool) -> Told:
        if done:
            return self._say(step, "done", "by the run in force")
        try:
            found = await step.check_before()
        except Unneeded as reason:
            return self._say(step, "skipped", str(reason))
        except GigadayError as error:
            return self._say(step, "failed", f"could not be done now: {error}")
        return self._say(step, "planned", difference(found, found["wanted"]) if "wanted" in found else shown(found))

    async def _do(self, step: Step, run: str, known: Record) -> Told:
        if step.name in known.done:
            return self._say(step, "done", "before")
        self._say(step, "working")
        before = known.acted.get(step.name)
        try:
            if before is None:
                before = await step.check_before()
            known.acted[step.name] = before
            await self._audit.add("acting", self._name, run, step=step.name, before=before)
            await step.act(before)
            after = await step.check_after(before)
        except Unneeded as reason:
            await self._audit.add("skipped", self._name, run, step=step.name, result=str(reason))
            return self._say(step, "skipped", str(reason))
        except GigadayError as error:
            await self._audit.add("failed", self._name, run, step=step.name, result=str(error))
            return self._say(step, "failed", str(error))
        told = difference(before, after)
        await self._audit.add("done", self._name, run, step=step.name, before=before, after=after, result=told)
        return self._say(step, "done", told)

    async def _undo(self, step: Step, run: str, known: Record) -> Told:
        self._say(step, "working")
        before, after = known.acted[step.name], known.done.get(step.name)
        try:
            told = await step.undo(before, after)
        except GigadayError as error:
            await self._audit.add("failed", self._name, run, step=step.name, result=f"undoing: {error}")
            return self._say(step, "failed", str(error))
        await self._audit.add("undone", self._name, run, step=step.name, before=after, after=before, result=told)
        return self._say(step, "undone", told)

    def _say(self, step: Step, result: Result, told: str = "") -> Told:
        said = Told(step.name, step.why, result, told)
        self._tell(said)
        return said

    def _stopped(self, run: str, told: list[Told], acted: bool) -> tuple[str, Report]:
        failed = told[-1]
        ways = [f"Go on once that is mended: the same command again. Go back: {self._back}"] if acted else []
        message = "\n".join([f"{self._name} has stopped at {failed.step!r}: {failed.told}", *ways])
        return message, Report(self._name, run, "stopped", told, self._back if acted else "")


def shown(state: State) -> str:
    """A state's plain values in words."""
    return ", ".join(f"{name} {_text(value)}" for name, value in _plain(state).items())


def difference(before: State, after: State) -> str:
    """What of the plain values has changed, in words."""
    was = _plain(before)
    changes = {name: (was.get(name), value) for name, value in _plain(after).items() if was.get(name) != value}
    return ", ".join(
        f"{name} {_text(value)}" if old is None else f"{name} {_text(old)} -> {_text(value)}"
        for name, (old, value) in changes.items()
    )


def _plain(state: State) -> State:
    return {name: value for name, value in state.items() if isinstance(value, str | int | float)}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
