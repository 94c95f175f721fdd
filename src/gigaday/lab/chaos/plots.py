"""Plots of a run over its seconds, with the moments at which something was done to it."""

from collections.abc import Mapping, Sequence

from gigaday.errors import GigadayError
from gigaday.lab.chaos.experiment import Run
from gigaday.lab.chaos.samples import Slice, slices

Points = Sequence[tuple[float, float]]


def of_run(run: Run, control: Run) -> list[str]:
    """Two SVGs: requests and errors a second, and milliseconds until the answer."""
    seen, plain = slices(run.samples), slices(control.samples)
    moments = (("fault begins", run.fault), ("fault has ended", run.rollback))
    rates = {
        "requests/s": line(seen, "rate"),
        "errors/s": line(seen, "errors"),
        "errors/s, control": line(plain, "errors"),
    }
    times = {"p50": line(seen, "p50"), "p99": line(seen, "p99"), "p99, control": line(plain, "p99")}
    return [plot("Requests and errors", rates, moments), plot("Milliseconds until answered", times, moments)]


def line(found: Sequence[Slice], what: str) -> list[tuple[float, float]]:
    """The points of one figure of the slices."""
    return [(one.at, float(getattr(one, what))) for one in found]


def plot(title: str, series: Mapping[str, Points], moments: Sequence[tuple[str, float]]) -> str:
    """An SVG. Moments of the same name share a line. Raises GigadayError where pygal lacks."""
    try:
        import pygal  # type: ignore[import-untyped]  # it has no types
    except ImportError as error:
        raise GigadayError("the report needs pygal: pip install 'gigaday[dev]'") from error

    chart = pygal.XY(title=title, js=(), show_dots=False, height=360, width=960, x_title="seconds", include_x_axis=True)
    for label, points in series.items():
        chart.add(label, points)
    top = max((value for points in series.values() for _, value in points), default=1.0) or 1.0
    dashed = {"width": 2, "dasharray": "6, 4"}
    for label, ends in upright(moments, top).items():
        chart.add(label, ends, stroke_style=dashed, allow_interruptions=True)
    return str(chart.render(is_unicode=True, disable_xml_declaration=True))


def upright(moments: Sequence[tuple[str, float]], top: float) -> dict[str, list[tuple[float | None, float | None]]]:
    """The lines of each name, from the bottom up to `top`, with a break between two, or they would be joined."""
    lines: dict[str, list[tuple[float | None, float | None]]] = {}
    for label, at in moments:
        drawn = lines.setdefault(label, [])
        drawn += [*([(None, None)] if drawn else []), (at, 0), (at, top)]
    return lines
