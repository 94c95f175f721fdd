"""Simulated fleets, scaled by what is in flight: the share of each shape of traffic that how many nodes answer."""

from collections.abc import Sequence

from bench.plot import lines
from bench.report import Figure
from tests.simulation.scaling_world import SHAPES, Fleet, Second

_POINTS, _MARKS = 120, 6


def run(scale: float) -> list[Figure]:
    """One figure a shape, with a picture of each. Nothing here depends on `scale`."""
    return [_figure(name) for name in SHAPES]


def _figure(name: str) -> Figure:
    shape, length = SHAPES[name]
    fleet = Fleet()
    seconds = list(fleet.run(shape, length))
    _draw(name, seconds, fleet.rate)
    asked = sum(second.asked for second in seconds)
    share = sum(second.answered for second in seconds) / asked
    mean = sum(second.nodes for second in seconds) / length
    most = max(second.nodes for second in seconds)
    found = f"{share:.2%} answered by {mean:.1f} nodes ({most} at most)"
    return Figure(name, found, f"{asked / length / fleet.rate:.1f} nodes at the least")


def _draw(name: str, seconds: Sequence[Second], rate: float) -> None:
    shown = seconds[:: len(seconds) // _POINTS]
    lines(
        f"autoscaling-{name.replace(' ', '-')}",
        f"{name}: requests a second, over minutes",
        [f"{second.at / 60:g}" if number % (_POINTS // _MARKS) == 0 else "" for number, second in enumerate(shown)],
        {
            "asked": [second.asked for second in shown],
            "answered": [second.answered for second in shown],
            f"nodes, at {rate:g} each": [second.nodes * rate for second in shown],
        },
    )
