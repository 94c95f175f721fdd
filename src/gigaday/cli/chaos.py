"""`gigaday chaos`: breaks a laboratory on purpose, under load, and tells what was expected and seen."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from gigaday.cli.lab_folder import FOLDER, Folder
from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load
from gigaday.errors import GigadayError

if TYPE_CHECKING:
    from rich.progress import Progress

    from gigaday.lab.chaos.experiment import Experiment, Outcome
    from gigaday.lab.laboratory import Lab

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
        """
        from gigaday.lab.chaos import catalogue
        from gigaday.lab.chaos import report as pages

        wanted = [one for name in names or ("all",) for one in catalogue.named(name)]
        with _laboratory(folder) as lab:
            outcomes, broken = _run_all(wanted, lab, range(seed, seed + seeds), seconds)
        show([pages.summary(outcome) for outcome in outcomes], json)
        note(f"\nThe report: {pages.write(outcomes, report)}")
        if failed := [*broken, *(one.experiment.name for one in outcomes if not one.passed)]:
            raise NotAsExpected(f"Not as expected: {', '.join(failed)}.")


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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    found: list[Outcome] = []
    broken: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
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
    """Runs it while a bar shows how far it is."""
    from gigaday.lab.chaos import runner

    task = progress.add_task(experiment.name, total=None)

    def tell(what: str, length: float) -> None:
        progress.reset(task, description=f"{experiment.name}: {what}", total=length or None)

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.2)
            progress.advance(task, 0.2)

    ticking = asyncio.create_task(tick())
    try:
        return await runner.run(experiment, lab, seed, seconds, tell)
    finally:
        ticking.cancel()
        progress.remove_task(task)
