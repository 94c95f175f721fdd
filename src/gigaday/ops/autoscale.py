"""Keeps a fleet as large as its work in flight needs: observe, ask `rules.scaling`, act, and tell why."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from gigaday.errors import GigadayError
from gigaday.rules.scaling import Bounds, Sample, Scaler


class Seen(NamedTuple):
    """`nodes` that are sent requests, `in_flight` requests that they have or that wait for them, and whether what they
    depend on is slow or down."""

    nodes: int
    in_flight: float
    held_up: bool = False


class Fleet(Protocol):
    """Both raise GigadayError where it cannot be done."""

    def observe(self) -> Seen:
        """What the fleet does now."""
        ...

    def scale(self, count: int) -> None:
        """Returns once `count` nodes are sent requests, those that leave having answered what they had."""
        ...


class Decision(NamedTuple):
    """`nodes` are those to have, None where nothing could be decided; `why` in words for an operator."""

    seen: Seen | None
    nodes: int | None
    why: str
    failed: bool = False

    @property
    def changes(self) -> bool:
        """Whether the fleet had another size."""
        return self.seen is not None and self.nodes != self.seen.nodes


def autoscale(
    fleet: Fleet, bounds: Bounds, *, every: float, now: Callable[[], float], sleep: Callable[[float], object]
) -> Iterator[Decision]:
    """Decides `every` so many seconds, and acts, before each decision is given; without end.

    Whoever cannot see the fleet leaves it as it is. Raises ValueError where it is looked at too rarely to notice a
    sudden load.
    """
    if not 0 < every <= bounds.panic_window:
        raise ValueError(f"the fleet has to be looked at every {bounds.panic_window:g} s or more often")
    return _decisions(fleet, Scaler(bounds), every, now, sleep)


def _decisions(
    fleet: Fleet, scaler: Scaler, every: float, now: Callable[[], float], sleep: Callable[[float], object]
) -> Iterator[Decision]:
    while True:
        yield _decide(fleet, scaler, now)
        sleep(every)


def _decide(fleet: Fleet, scaler: Scaler, now: Callable[[], float]) -> Decision:
    try:
        seen = fleet.observe()
    except GigadayError as error:
        return Decision(None, None, f"left as it is, as it cannot be observed: {error}", failed=True)
    advice = scaler.advise(Sample(now(), *seen))
    if advice.nodes == seen.nodes:
        return Decision(seen, *advice)
    try:
        fleet.scale(advice.nodes)
    except GigadayError as error:
        return Decision(seen, advice.nodes, f"{advice.why}; but {error}", failed=True)
    return Decision(seen, *advice)
