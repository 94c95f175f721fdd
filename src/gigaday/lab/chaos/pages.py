"""What pages of a report are made of."""

from collections.abc import Iterable
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } th, td { text-align: left; padding: .3rem .6rem;
border-bottom: 1px solid #d9dde2; vertical-align: top } .yes { color: #18794e } .no { color: #cd2b31; font-weight: 600 }
figure { margin: 1.5rem 0 } svg { width: 100%; height: auto } a { color: #0b68cb }
@media (prefers-color-scheme: dark) { body { background: #16181b; color: #e6e8ea } th, td { border-color: #33383e }
a { color: #70b8ff } .yes { color: #4cc38a } .no { color: #ff6369 } figure { background: #fff } }
"""


def html(title: str, body: str) -> str:
    """A page; `body` is HTML."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{body}</html>"
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Of texts; a cell that is HTML already is a `Html`."""
    return f"<table>{_row('th', head)}{''.join(_row('td', row) for row in rows)}</table>"


class Html(str):
    """Not to be escaped."""

    __slots__ = ()


def mark(holds: bool) -> Html:
    """Whether something was as expected."""
    return Html('<span class="yes">as expected</span>' if holds else '<span class="no">not met</span>')


def _row(tag: str, cells: Iterable[str]) -> str:
    inner = "".join(f"<{tag}>{cell if isinstance(cell, Html) else escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"
