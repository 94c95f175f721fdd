"""The autoscaler's loop over a fleet that can be blind or stuck."""

from itertools import islice

import pytest

from gigaday.errors import GigadayError
from gigaday.ops.autoscale import Decision, Seen, autoscale
from gigaday.rules.scaling import Bounds

BOUNDS = Bounds(least=2, most=20, target=10, window=60, panic_window=6)


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Fleet:
    """Does as it is told, unless something is wrong with it."""

    def __init__(self, nodes: int = 3, in_flight: float = 28) -> None:
        self.nodes, self.in_flight = nodes, in_flight
        self.blind = self.stuck = self.held_up = False
        self.told: list[int] = []

    def observe(self) -> Seen:
        if self.blind:
            raise GigadayError("no balancer runs")
        return Seen(self.nodes, self.in_flight, self.held_up)

    def scale(self, count: int) -> None:
        self.told.append(count)
        if self.stuck:
            raise GigadayError("a node does not start")
        self.nodes = count


def run(fleet: Fleet, seconds: int) -> list[Decision]:
    time = Time()
    return list(islice(autoscale(fleet, BOUNDS, every=1, now=lambda: time.now, sleep=time.sleep), seconds))


def test_nodes_are_added_as_they_are_needed_and_the_reason_is_told() -> None:
    fleet = Fleet(in_flight=75)
    added, *later = run(fleet, 10)
    assert (fleet.nodes, added.nodes, added.changes, added.failed) == (8, 8, True, False)
    assert added.why == "75 in flight need 8 nodes at 10 each"
    assert not any(decision.changes for decision in later)


def test_a_fleet_that_suffices_is_told_nothing() -> None:
    fleet = Fleet()
    decisions = run(fleet, 200)
    assert fleet.told == []
    assert {decision.why for decision in decisions} == {"as needed"}


def test_what_cannot_be_observed_is_left_as_it_is() -> None:
    fleet = Fleet(in_flight=0)
    fleet.blind = True
    decisions = run(fleet, 200)
    assert fleet.told == []
    assert all(decision.failed and decision.nodes is None for decision in decisions)
    assert decisions[0].why == "left as it is, as it cannot be observed: no balancer runs"


def test_what_could_not_be_done_is_told_and_tried_again() -> None:
    fleet = Fleet(in_flight=75)
    fleet.stuck = True
    decisions = run(fleet, 3)
    assert fleet.told == [8, 8, 8]
    assert all(decision.failed and decision.why.endswith("; but a node does not start") for decision in decisions)


def test_a_slow_dependency_adds_nothing() -> None:
    fleet = Fleet(in_flight=500)
    fleet.held_up = True
    run(fleet, 100)
    assert fleet.told == []


@pytest.mark.parametrize("every", [0, 7])
def test_looking_too_rarely_to_notice_a_sudden_load_is_refused(every: float) -> None:
    with pytest.raises(ValueError, match="every 6 s or more often"):
        autoscale(Fleet(), BOUNDS, every=every, now=lambda: 0.0, sleep=lambda seconds: None)
