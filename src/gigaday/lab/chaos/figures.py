"""A report in short, to be kept: one table, and the plots of a few experiments."""

from collections.abc import Sequence
from pathlib import Path

from gigaday.lab.chaos import plots
from gigaday.lab.chaos.experiment import Outcome
from gigaday.lab.chaos.samples import percentile

DRAWN = ("node-freeze", "mongo-primary", "redis-all-lost", "spike")
_KINDS = ("rate", "time")


def write(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """`table.md`, whose path is returned, and two SVGs for each experiment of `DRAWN` that was run."""
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        if outcome.experiment.name in DRAWN and outcome.seed == min(one.seed for one in outcomes):
            for kind, plot in zip(_KINDS, plots.of_run(outcome.run, outcome.control), strict=True):
                (folder / f"{outcome.experiment.name}-{kind}.svg").write_text(plot, encoding="utf-8")
    table = folder / "table.md"
    table.write_text(_table(outcomes), encoding="utf-8")
    return table


def _table(outcomes: Sequence[Outcome]) -> str:
    columns = ("requests", "errors", "p99 without, ms", "p99, ms", "acknowledged", "lost", "doubled")
    head = f"| experiment | {' | '.join(columns)} | held |\n| --- |{' ---: |' * len(columns)} --- |\n"
    lines = "".join(_line(outcome) for outcome in outcomes)
    missed = "".join(
        f"- `{outcome.experiment.name}`: {finding.expected}: {finding.seen}\n"
        for outcome in outcomes
        for finding in outcome.findings
        if not finding.holds
    )
    return head + lines + (f"\nNot as expected:\n\n{missed}" if missed else "")


def _line(outcome: Outcome) -> str:
    run, verdict = outcome.run, outcome.verdict
    base = percentile((one.took * 1_000 for one in outcome.control.samples), 0.99)
    took = percentile((one.took * 1_000 for one in run.during()), 0.99)
    errors = sum(one.is_error for one in run.samples)
    held = f"{sum(finding.holds for finding in outcome.findings)} of {len(outcome.findings)}"
    numbers = (len(run.samples), errors, round(base), round(took), verdict.acknowledged)
    cells = (f"`{outcome.experiment.name}`", *numbers, len(verdict.lost), len(verdict.doubled), held)
    return f"| {' | '.join(map(str, cells))} |\n"
