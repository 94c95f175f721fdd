"""What a benchmark found, as a table; and medians of work done in turn."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table: what was measured, what came out, and what it is aimed at where something is."""

    what: str
    found: str
    aim: str = ""


def table(title: str, figures: Sequence[Figure]) -> str:
    """The figures as text, aligned."""
    widths = [max(len(figure[column]) for figure in figures) for column in range(3)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(figure, widths, strict=True)) for figure in figures]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def in_turn(rounds: int, contenders: Sequence[Callable[[], float]]) -> list[float]:
    """The median of each contender, all of them measured once in every round."""
    found: list[list[float]] = [[contender() for contender in contenders] for _ in range(rounds)]
    return medians(found)


def medians(rounds: Iterable[Sequence[float]]) -> list[float]:
    """The median of each column."""
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def mib(bytes_: float) -> str:
    """A size as text."""
    return f"{bytes_ / 2**20:,.1f} MiB"


def micro(seconds: float) -> str:
    """A short time as text."""
    return f"{seconds * 1e6:,.0f} us"
