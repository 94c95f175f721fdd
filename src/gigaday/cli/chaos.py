"""`gigaday chaos`: breaks a laboratory on purpose, under load, and tells what was expected and seen."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cyclopts import App

from gigaday.cli.lab_folder import FOLDER, Folder
from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load
from gigaday.errors import GigadayError

if TYPE_CHECKING:
    from rich.progress import Progress

    from gigaday.lab.chaos.experiment import Experiment, Outcome
    from gigaday.lab.chaos.runner import Tell
    from gigaday.lab.chaos.soak import Soak
    from gigaday.lab.laboratory import Lab

T = TypeVar("T")
REPORT = Path(".gigaday/chaos")


class NotAsExpected(GigadayError):
    """Some experiment has shown what should not be."""


def register(app: App, load: Load) -> None:
    """Adds the group to `app`."""
    chaos = App(name="chaos", help="Break a laboratory under load, and tell what was expected and seen.")
    app.command(chaos)

    @chaos.command(name="list")
    def list_(*, json: AsJson = False) -> None:
        """List the experiments."""
        from gigaday.lab.chaos.catalogue import EXPERIMENTS

        show([{"name": one.name, "fault": one.title} for one in EXPERIMENTS.values()], json)

    @chaos.command
    def run(
        *names: str,
        seed: int = 1,
        seeds: int = 1,
        seconds: float = 20.0,
        report: Path = REPORT,
        figures: Path | None = None,
        folder: Folder = FOLDER,
        json: AsJson = False,
    ) -> None:
        """Run the experiments NAMES, or all, against the laboratory that runs; without one, it starts its own.

        Each takes a control run without the fault, then the same length with it, and ends the fault however it goes.
        The exit status is 1 where something was not as expected.

        Parameters
        ----------
        seed
            Which requests come, and whom a fault hits.
        seeds
            How many seeds, counted from `seed`.
        seconds
            The length of each run.
        report
            The folder that the pages are written to.
        figures
            A folder that a table and a few plots are written to besides.
        """
        from gigaday.lab.chaos import catalogue
        from gigaday.lab.chaos import figures as short
        from gigaday.lab.chaos import report as pages

        wanted = [one for name in names or ("all",) for one in catalogue.named(name)]
        with _laboratory(folder) as lab:
            outcomes, broken = _run_all(wanted, lab, range(seed, seed + seeds), seconds)
        show([pages.summary(outcome) for outcome in outcomes], json)
        note(f"\nThe report: {pages.write(outcomes, report)}")
        if figures is not None:
            note(f"The figures: {short.write(outcomes, figures)}")
        if failed := [*broken, *(one.experiment.name for one in outcomes if not one.passed)]:
            raise NotAsExpected(f"Not as expected: {', '.join(failed)}.")

    _register_soak(chaos)


def _register_soak(chaos: App) -> None:
    @chaos.command
    def soak(
        *,
        minutes: float = 15.0,
        seed: int = 1,
        report: Path = REPORT,
        folder: Folder = FOLDER,
        json: AsJson = False,
    ) -> None:
        """Make random faults one after another, each healed before the next, under one load.

        The exit status is 1 where less than 99.99 % of reads were served, or a write was lost or done twice.

        Parameters
        ----------
        minutes
            How long.
        seed
            Which faults come, whom they hit, and which requests.
        report
            The folder that the page is written to.
        """
        import asyncio

        from gigaday.lab.chaos import soak_report

        with _laboratory(folder) as lab:
            found = asyncio.run(_soaked(lab, seed, minutes * 60))
        show(soak_report.rows(found), json)
        note(f"\n{soak_report.told(found)}\nThe report: {soak_report.write(found, report)}")
        if not found.passed:
            raise NotAsExpected("The soak is not as expected.")


async def _soaked(lab: "Lab", seed: int, seconds: float) -> "Soak":
    from gigaday.lab.chaos.soak import soak

    with _bars() as progress:
        return await _ticked(progress, "soak", lambda tell: soak(lab, seed, seconds, tell))


@contextmanager
def _laboratory(folder: Path) -> "Iterator[Lab]":
    """The one that runs in `folder`; else one that ends with the experiments."""
    from gigaday.lab.ending import down
    from gigaday.lab.laboratory import Lab
    from gigaday.lab.plan import Plan
    from gigaday.lab.raising import up

    if Lab(folder).exists:
        yield Lab.load(folder)
        return
    lab = up(folder, Plan(), lambda name, there: note(f"{name} is there") if there else None)
    try:
        yield lab
    finally:
        down(lab)


def _run_all(
    wanted: "Sequence[Experiment]", lab: "Lab", seeds: Sequence[int], seconds: float
) -> "tuple[list[Outcome], list[str]]":
    """What was found, and the names of those that could not be run."""
    import asyncio

    found: list[Outcome] = []
    broken: list[str] = []
    with _bars() as progress:
        for experiment in wanted:
            if lacking := experiment.needs(lab):
                progress.console.print(f"[yellow]-[/yellow] {experiment.name}: {lacking}")
                continue
            for seed in seeds:
                try:
                    outcome = asyncio.run(_watched(experiment, lab, seed, seconds, progress))
                except GigadayError as error:
                    progress.console.print(f"[red]✘[/red] {experiment.name} (seed {seed}): {error}", highlight=False)
                    broken.append(experiment.name)
                    continue
                mark = "[green]✔[/green]" if outcome.passed else "[red]✘[/red]"
                progress.console.print(f"{mark} {experiment.name} (seed {seed})", highlight=False)
                found.append(outcome)
    return found, broken


async def _watched(experiment: "Experiment", lab: "Lab", seed: int, seconds: float, progress: "Progress") -> "Outcome":
    from gigaday.lab.chaos import runner

    return await _ticked(progress, experiment.name, lambda tell: runner.run(experiment, lab, seed, seconds, tell))


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True))


async def _ticked(progress: "Progress", name: str, work: "Callable[[Tell], Awaitable[T]]") -> "T":
    """Does it while a bar shows how far it is."""
    import asyncio

    task = progress.add_task(name, total=None)

    def tell(what: str, length: float) -> None:
        progress.reset(task, description=f"{name}: {what}", total=length or None)

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.2)
            progress.advance(task, 0.2)

    ticking = asyncio.create_task(tick())
    try:
        return await work(tell)
    finally:
        ticking.cancel()
        progress.remove_task(task)
