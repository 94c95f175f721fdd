"""How results are shown: a table on a terminal, JSON when asked or piped."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TextIO

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, as is done when piped.")]
Row = Mapping[str, Any]


def show(
    result: Row | Sequence[Row],
    as_json: bool = False,
    out: TextIO | None = None,
    told: Callable[[Row], Row] | None = None,
) -> None:
    """Prints one thing or a list of them on `out` (the standard output). `told` turns each of a list into what people
    read of it."""
    out = out or sys.stdout
    if as_json or not out.isatty():
        out.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    elif isinstance(result, Mapping):
        _print_one(result, out)
    else:
        _print_many([told(row) for row in result] if told else result, out)


def note(text: str) -> None:
    """Tells a person something, beside the result, on the standard error."""
    print(text, file=sys.stderr, flush=True)


def _print_one(row: Row, out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for key, value in row.items():
        table.add_row(f"[bold]{key}[/bold]", _cell(value))
    Console(file=out).print(table)


def _print_many(rows: Sequence[Row], out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    Console(file=out).print(table if rows else "(none)")


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
