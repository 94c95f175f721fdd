"""`gigaday lab autoscale`: keeps a running laboratory as large as its load needs."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from gigaday.cli.lab_folder import FOLDER, Folder
from gigaday.cli.output import note
from gigaday.errors import BadRequest

if TYPE_CHECKING:
    from gigaday.ops.autoscale import Decision

SECOND = timedelta(seconds=1)
For = Annotated[timedelta | None, Parameter(name="--for", help="End after this time; unless given, at Ctrl-C.")]


def register(lab: App) -> None:
    """Adds the command to `lab`."""

    @lab.command
    def autoscale(
        *,
        min: int = 2,
        max: int = 6,
        target: float = 8,
        every: timedelta = SECOND,
        window: timedelta = timedelta(minutes=1),
        for_: For = None,
        folder: Folder = FOLDER,
    ) -> None:
        """Add nodes while there is more in flight than they should have, and drain them away once there is less.

        Parameters
        ----------
        min
            The fewest nodes.
        max
            The most.
        target
            How many requests in flight a node should have.
        every
            How often to look, such as 0.5s or 1s.
        window
            How long nodes stay after they were last needed.
        """
        import time

        from gigaday.lab.fleet import LabFleet
        from gigaday.lab.laboratory import Lab
        from gigaday.ops.autoscale import autoscale
        from gigaday.rules.scaling import Bounds

        Lab.load(folder)
        seconds = window.total_seconds()
        try:
            bounds = Bounds(min, max, target, seconds, panic_window=seconds / 10)
            decisions = autoscale(
                LabFleet(folder, note), bounds, every=every.total_seconds(), now=time.monotonic, sleep=time.sleep
            )
        except ValueError as error:
            raise BadRequest(str(error)) from None
        ends = time.monotonic() + for_.total_seconds() if for_ is not None else None
        for decision in decisions:
            note(f"{time.strftime('%H:%M:%S')}  {line(decision)}")
            if ends is not None and time.monotonic() >= ends:
                break


def line(decision: "Decision") -> str:
    """A decision for a person."""
    if decision.seen is None:
        return decision.why
    nodes = f"{decision.seen.nodes} -> {decision.nodes}" if decision.changes else f"{decision.seen.nodes}"
    return f"{nodes:>7} nodes  {decision.seen.in_flight:>5g} in flight  {decision.why}"
