"""The topology of a laboratory as a picture for the terminal, with the state that everything is in."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.align import Align
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

Row = Mapping[str, Any]
_MARKS = {"up": ("●", "green"), "frozen": ("❄", "cyan"), "dead": ("✖", "red")}
_FRONT = (("CDN edge", ("cdn",)), ("Balancers", ("balancer",)), ("Nodes", ("node",)))
_BACK = (
    ("Redis Cluster", ("redis",)),
    ("Redis backup", ("redis-backup",)),
    ("MongoDB", ("mongo",)),
    ("Object storage (S3)", ("s3", "s3-part")),
)
_BESIDE = (("Prometheus", ("prometheus",)), ("Fault proxy", ("fault-proxy",)))


def picture(rows: Sequence[Row], title: str) -> RenderableType:
    """The way of a request from above to below; what watches it, at the end."""
    parts: list[RenderableType] = [Align.center(Text("client", style="bold"))]
    for label, kinds in _FRONT:
        if found := _of(rows, kinds):
            parts += [_arrow(), Align.center(_box(label, found, across=True))]
    parts.append(_arrow())
    parts.append(Align.center(Columns([_box(label, found) for label, kinds in _BACK if (found := _of(rows, kinds))])))
    parts.append(Align.center(Columns([_box(label, found) for label, kinds in _BESIDE if (found := _of(rows, kinds))])))
    parts.append(Align.center(_summary(rows)))
    return Panel(Group(*parts), title=title, border_style="dim")


def _of(rows: Sequence[Row], kinds: Sequence[str]) -> list[Row]:
    return [row for row in rows if row["kind"] in kinds]


def _box(label: str, rows: Sequence[Row], *, across: bool = False) -> Panel:
    lines = [_line(row) for row in rows]
    content: RenderableType = Columns(lines, padding=(0, 3)) if across else Group(*lines)
    return Panel(content, title=label, expand=False)


def _line(row: Row) -> Text:
    mark, style = _MARKS[row["state"]]
    line = Text.assemble((f"{mark} ", style), (row["name"], "bold"), " ", (f":{_port(row['address'])}", "dim"))
    if row["state"] != "up":
        line.append(f" {row['state']}", style=style)
    elif row["role"]:
        line.append(f" {row['role']}", style=_emphasis(row["role"]))
    return line


def _emphasis(role: str) -> str:
    return {"PRIMARY": "yellow", "primary": "yellow", "not ready": "red"}.get(role, "")


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _arrow() -> RenderableType:
    return Align.center(Text("│\n▼", style="dim"))


def _summary(rows: Sequence[Row]) -> Text:
    counts = {state: sum(row["state"] == state for row in rows) for state in _MARKS}
    return Text(", ".join(f"{count} {state}" for state, count in counts.items() if count), style="dim")
