"""A run as a page: what was expected and seen, and plots with the moments of the fault and of its end."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import msgspec

from gigaday.lab.chaos import plots
from gigaday.lab.chaos.experiment import Outcome
from gigaday.lab.chaos.pages import Html, html, mark, table
from gigaday.lab.chaos.samples import slices


def write(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """A page for each outcome and `index.html`, with a JSON file beside each; the index's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        (folder / f"{_name(outcome)}.html").write_text(_page(outcome), encoding="utf-8")
        (folder / f"{_name(outcome)}.json").write_bytes(msgspec.json.format(msgspec.json.encode(as_dict(outcome))))
    index = folder / "index.html"
    index.write_text(html("Chaos", _index(outcomes)), encoding="utf-8")
    (folder / "index.json").write_bytes(msgspec.json.encode([summary(outcome) for outcome in outcomes]))
    return index


def summary(outcome: Outcome) -> dict[str, object]:
    """One line of a table."""
    failed = [f"{finding.expected}: {finding.seen}" for finding in outcome.findings if not finding.holds]
    return {
        "experiment": outcome.experiment.name,
        "seed": outcome.seed,
        "passed": outcome.passed,
        "requests": len(outcome.run.samples),
        "errors": sum(one.is_error for one in outcome.run.samples),
        "acknowledged": outcome.verdict.acknowledged,
        "lost": len(outcome.verdict.lost),
        "doubled": len(outcome.verdict.doubled),
        "failed": "; ".join(failed),
    }


def as_dict(outcome: Outcome) -> dict[str, object]:
    """All of it but the single requests."""
    return {
        **summary(outcome),
        "title": outcome.experiment.title,
        "findings": outcome.findings,
        "notes": outcome.run.notes,
        "fault": outcome.run.fault,
        "rollback": outcome.run.rollback,
        "counted": {name: value for name, value in outcome.run.counted.items() if value},
        "slices": slices(outcome.run.samples),
        "control": slices(outcome.control.samples),
        "lost": outcome.verdict.lost,
        "doubled": outcome.verdict.doubled,
    }


def _name(outcome: Outcome) -> str:
    return f"{outcome.experiment.name}-{outcome.seed}"


def _index(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (
            Html(f'<a href="{_name(one)}.html">{escape(one.experiment.title)}</a>'), str(one.seed),
            finding.expected, finding.seen, finding.control, mark(finding.holds),
        )
        for one in outcomes
        for finding in one.findings
    ]  # fmt: skip
    good = sum(one.passed for one in outcomes)
    head = ("Experiment", "Seed", "Expected", "Seen", "Control", "")
    return f"<p>{good} of {len(outcomes)} experiments as expected.</p>{table(head, rows)}"


def _page(outcome: Outcome) -> str:
    rows = [(one.expected, one.seen, one.control, mark(one.holds)) for one in outcome.findings]
    notes = "".join(f"<li>{escape(note)}</li>" for note in outcome.run.notes)
    told = escape((outcome.experiment.fault.__doc__ or "").strip())
    run = outcome.run
    moments = f"The fault began after {run.fault:.1f} s and had ended after {run.rollback:.1f} s; seed {outcome.seed}."
    figures = "".join(f"<figure>{plot}</figure>" for plot in plots.of_run(run, outcome.control))
    head = ("Expected", "Seen", "Control", "")
    body = f"<p>{told} {moments}</p><ul>{notes}</ul>{table(head, rows)}{figures}"
    return html(outcome.experiment.title, f"{body}<p><a href='index.html'>All experiments</a></p>")
