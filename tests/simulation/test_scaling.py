"""The autoscaler over whole shapes of traffic."""

from itertools import pairwise

import pytest

from tests.simulation.scaling_world import SHAPES, Fleet, Second


def ran(name: str) -> list[Second]:
    shape, seconds = SHAPES[name]
    return list(Fleet().run(shape, seconds))


def turns(seconds: list[Second]) -> int:
    """How often the fleet goes from growing to shrinking or back."""
    steps = [after.nodes - before.nodes for before, after in pairwise(seconds)]
    signs = [step > 0 for step in steps if step]
    return sum(before != after for before, after in pairwise(signs))


def test_over_a_day_nearly_all_is_answered_by_few_more_nodes_than_are_needed() -> None:
    seconds = ran("day")
    assert sum(second.answered for second in seconds) >= 0.999 * sum(second.asked for second in seconds)
    needed = sum(max(2.0, second.asked / Fleet().rate) for second in seconds)
    assert sum(second.nodes for second in seconds) <= 1.8 * needed, (
        "each node is to have 6 in flight of the 10 that it could"
    )
    assert turns(seconds) <= 3


def test_a_spike_is_answered_whole_within_seconds_and_its_nodes_go_again() -> None:
    seconds = ran("spike")
    caught = next(second.at for second in seconds[300:] if second.answered >= second.asked)
    assert caught - 300 <= 15
    assert 15 <= max(second.nodes for second in seconds) <= 30, "15 do it, 25 at 6 in flight each"
    assert seconds[-1].nodes <= 3
    assert turns(seconds) == 1


def test_bursts_do_not_make_the_fleet_swing() -> None:
    assert turns(ran("ripple")) <= 1


@pytest.mark.parametrize("name", ["flood", "slow database"])
def test_what_more_nodes_would_not_help_adds_none(name: str) -> None:
    seconds = ran(name)
    before = max(second.nodes for second in seconds[:300])
    assert max(second.nodes for second in seconds[300:]) <= before
