"""A fleet under load, second by second, that is scaled as `rules.scaling` advises.

Each node answers `rate` requests a second, each of which takes `service` seconds, and refuses what would wait for more
than `patience`. A node takes `start` seconds to come up. A shape tells the load and how much slower than usual the
database is at each second.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gigaday.rules.scaling import Bounds, Sample, Scaler


class Demand(NamedTuple):
    """Requests a second that are asked, those that a limit refuses beside them, and the factor on service times."""

    asked: float
    refused: float = 0.0
    slower: float = 1.0


Shape = Callable[[int], Demand]


def day(second: int) -> Demand:
    """A day within an hour: quiet at night, three times the mean at its height."""
    return Demand(1_000 * (1 + 0.95 * math.sin(2 * math.pi * second / 3600 - math.pi / 2)) + 50)


def spike(second: int) -> Demand:
    """Ten times as much within a second, for five minutes."""
    return Demand(3_000.0 if 300 <= second < 600 else 300.0)


def ripple(second: int) -> Demand:
    """Bursts of five seconds, every half minute."""
    return Demand(900.0 if second % 30 < 5 else 600.0)


def flood(second: int) -> Demand:
    """An abuser far beyond a limit, beside the usual load."""
    return Demand(600.0, refused=50_000.0 if 300 <= second < 900 else 0.0)


def slow_database(second: int) -> Demand:
    """The usual load, while the database takes twenty times as long."""
    return Demand(600.0, slower=20.0 if 300 <= second < 600 else 1.0)


SHAPES: dict[str, tuple[Shape, int]] = {
    "day": (day, 3600), "spike": (spike, 1200), "ripple": (ripple, 900), "flood": (flood, 1200),
    "slow database": (slow_database, 900),
}  # fmt: skip
"""Each shape and its length in seconds."""


class Second(NamedTuple):
    at: int
    asked: float
    answered: float
    nodes: int
    in_flight: float


@dataclass
class Fleet:
    """`rate` is what one node does when the database is as usual."""

    bounds: Bounds = field(default_factory=lambda: Bounds(least=2, most=40, target=6))
    rate: float = 200.0
    service: float = 0.05
    patience: float = 0.2
    start: int = 5

    def run(self, shape: Shape, seconds: int) -> Iterator[Second]:
        """What happens in each second."""
        scaler, nodes, coming, waiting = Scaler(self.bounds), self.bounds.least, list[int](), 0.0
        for at in range(seconds):
            demand = shape(at)
            nodes += sum(ready <= at for ready in coming)
            coming = [ready for ready in coming if ready > at]
            capacity = nodes * self.rate / demand.slower
            offered = waiting + demand.asked
            answered = min(offered, capacity)
            waiting = min(offered - answered, capacity * self.patience)
            in_flight = answered * self.service * demand.slower + waiting
            yield Second(at, demand.asked, answered, nodes, in_flight)
            advice = scaler.advise(Sample(float(at), nodes, in_flight, held_up=demand.slower > 2))
            if advice.nodes < nodes:
                nodes, coming = advice.nodes, []
            coming += [at + self.start] * max(0, advice.nodes - nodes - len(coming))
