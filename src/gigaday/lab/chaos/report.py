"""A run as a page: what was expected and seen, and plots with the moments of the fault and of its end."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import msgspec

from gigaday.errors import GigadayError
from gigaday.lab.chaos.experiment import Outcome, Run
from gigaday.lab.chaos.samples import Slice, slices

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } th, td { text-align: left; padding: .3rem .6rem;
border-bottom: 1px solid #d9dde2; vertical-align: top } .yes { color: #18794e } .no { color: #cd2b31; font-weight: 600 }
figure { margin: 1.5rem 0 } svg { width: 100%; height: auto } a { color: #0b68cb }
@media (prefers-color-scheme: dark) { body { background: #16181b; color: #e6e8ea } th, td { border-color: #33383e }
a { color: #70b8ff } .yes { color: #4cc38a } .no { color: #ff6369 } figure { background: #fff } }
"""


def write(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """A page for each outcome and `index.html`, with a JSON file beside each; the index's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        (folder / f"{_name(outcome)}.html").write_text(_page(outcome), encoding="utf-8")
        (folder / f"{_name(outcome)}.json").write_bytes(msgspec.json.format(msgspec.json.encode(as_dict(outcome))))
    index = folder / "index.html"
    index.write_text(_html("Chaos", _index(outcomes)), encoding="utf-8")
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
        "slices": slices(outcome.run.samples),
        "control": slices(outcome.control.samples),
        "lost": outcome.verdict.lost,
        "doubled": outcome.verdict.doubled,
    }


def _name(outcome: Outcome) -> str:
    return f"{outcome.experiment.name}-{outcome.seed}"


def _index(outcomes: Sequence[Outcome]) -> str:
    rows = "".join(
        f'<tr><td><a href="{_name(one)}.html">{escape(one.experiment.title)}</a></td><td>{one.seed}</td>'
        f"<td>{escape(finding.expected)}</td><td>{escape(finding.seen)}</td><td>{escape(finding.control)}</td>"
        f"<td>{_mark(finding.holds)}</td></tr>"
        for one in outcomes
        for finding in one.findings
    )
    good = sum(one.passed for one in outcomes)
    head = _row("th", "Experiment", "Seed", "Expected", "Seen", "Control", "")
    return f"<p>{good} of {len(outcomes)} experiments as expected.</p><table>{head}{rows}</table>"


def _page(outcome: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{escape(finding.expected)}</td><td>{escape(finding.seen)}</td><td>{escape(finding.control)}</td>"
        f"<td>{_mark(finding.holds)}</td></tr>"
        for finding in outcome.findings
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in outcome.run.notes)
    told = escape((outcome.experiment.fault.__doc__ or "").strip())
    run = outcome.run
    moments = f"The fault began after {run.fault:.1f} s and had ended after {run.rollback:.1f} s; seed {outcome.seed}."
    table = f"<table>{_row('th', 'Expected', 'Seen', 'Control', '')}{rows}</table>"
    plots = "".join(f"<figure>{plot}</figure>" for plot in _plots(run, outcome.control))
    body = f"<p>{told} {moments}</p><ul>{notes}</ul>{table}{plots}<p><a href='index.html'>All experiments</a></p>"
    return _html(outcome.experiment.title, body)


def _plots(run: Run, control: Run) -> list[str]:
    seen, plain = slices(run.samples), slices(control.samples)
    rates = {
        "requests/s": _line(seen, "rate"),
        "errors/s": _line(seen, "errors"),
        "errors/s, control": _line(plain, "errors"),
    }
    times = {"p50": _line(seen, "p50"), "p99": _line(seen, "p99"), "p99, control": _line(plain, "p99")}
    return [_plot("Requests and errors", rates, run), _plot("Milliseconds until answered", times, run)]


def _line(found: Sequence[Slice], what: str) -> list[tuple[float, float]]:
    return [(one.at, float(getattr(one, what))) for one in found]


def _plot(title: str, series: dict[str, list[tuple[float, float]]], run: Run) -> str:
    try:
        import pygal  # type: ignore[import-untyped]
    except ImportError as error:
        raise GigadayError("the report needs pygal: pip install 'gigaday[dev]'") from error

    chart = pygal.XY(title=title, js=(), dots_size=1.5, height=360, width=960, x_title="seconds", include_x_axis=True)
    for label, points in series.items():
        chart.add(label, points)
    top = max((value for points in series.values() for _, value in points), default=1.0) or 1.0
    for label, at in (("fault begins", run.fault), ("fault has ended", run.rollback)):
        chart.add(label, [(at, 0), (at, top)], stroke_style={"width": 2, "dasharray": "6, 4"}, show_dots=False)
    return str(chart.render(is_unicode=True, disable_xml_declaration=True))


def _mark(holds: bool) -> str:
    return '<span class="yes">as expected</span>' if holds else '<span class="no">not met</span>'


def _row(tag: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{body}</html>"
    )
