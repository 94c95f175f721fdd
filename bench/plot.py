"""Pictures of what a benchmark found, under `bench/plots`: SVG that any browser shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal

FOLDER = Path(__file__).parent / "plots"


def bars(name: str, title: str, values: Mapping[str, float]) -> None:
    """One bar a contender."""
    chart = pygal.HorizontalBar(
        title=title, print_values=True, show_legend=False, js=(), value_formatter=lambda v: f"{v:,.2f}"
    )
    chart.x_labels = list(values)
    chart.add("", list(values.values()))
    _write(chart, name)


def lines(name: str, title: str, x: Sequence[object], series: Mapping[str, Sequence[float]]) -> None:
    """One line a series, over `x`."""
    chart = pygal.Line(title=title, js=(), truncate_legend=-1, truncate_label=-1)
    chart.x_labels = [str(value) for value in x]
    for label, values in series.items():
        chart.add(label, list(values))
    _write(chart, name)


def _write(chart: "pygal.graph.graph.Graph", name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    chart.render_to_file(str(FOLDER / f"{name}.svg"))
