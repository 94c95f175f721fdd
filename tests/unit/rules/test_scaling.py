"""When nodes are added and when taken away."""

import pytest

from gigaday.rules.scaling import Advice, Bounds, Sample, Scaler

BOUNDS = Bounds(least=2, most=20, target=10)


def watched(scaler: Scaler, in_flight: float, nodes: int, seconds: range, *, held_up: bool = False) -> list[Advice]:
    return [scaler.advise(Sample(float(at), nodes, in_flight, held_up)) for at in seconds]


def test_a_fleet_that_suffices_stays_as_it_is() -> None:
    assert {advice.nodes for advice in watched(Scaler(BOUNDS), 28, 3, range(200))} == {3}


def test_a_sudden_load_adds_nodes_within_seconds_but_not_without_measure() -> None:
    scaler = Scaler(BOUNDS)
    watched(scaler, 28, 3, range(100))
    assert max(advice.nodes for advice in watched(scaler, 280, 3, range(100, 103))) == 9
    assert watched(scaler, 280, 9, range(103, 108))[-1] == Advice(
        20, "280 in flight need 28 nodes at 10 each, but 20 are the most"
    )


def test_one_odd_sample_adds_nothing() -> None:
    scaler = Scaler(BOUNDS)
    watched(scaler, 28, 3, range(100))
    assert watched(scaler, 40, 3, range(100, 101))[-1].nodes == 3


def test_what_queued_for_want_of_nodes_adds_no_more_once_they_are_there() -> None:
    scaler = Scaler(BOUNDS)
    watched(scaler, 28, 3, range(100))
    watched(scaler, 280, 3, range(100, 103))
    assert {advice.nodes for advice in watched(scaler, 85, 9, range(103, 110))} == {9}


def test_nodes_stay_for_a_while_after_a_spike_and_then_go_a_few_at_a_time() -> None:
    scaler = Scaler(BOUNDS)
    watched(scaler, 28, 3, range(100))
    watched(scaler, 120, 12, range(100, 110))
    after = watched(scaler, 28, 12, range(110, 300))
    assert {advice.nodes for advice in after[:50]} == {12}
    assert after[49].why == "12 were needed within the last 60 s"
    assert after[-1].nodes == 9, "a quarter at a time"


def test_whoever_has_just_begun_to_watch_takes_nothing_away() -> None:
    told = watched(Scaler(BOUNDS), 0, 12, range(61))
    assert [advice.nodes for advice in told] == [12] * 60 + [9]


@pytest.mark.parametrize("held_up", [True, False])
def test_nothing_is_taken_away_for_what_was_not_seen(held_up: bool) -> None:
    """Neither once a slow dependency is quick again, nor once the fleet can be observed again."""
    scaler = Scaler(BOUNDS)
    watched(scaler, 118, 12, range(100))
    if held_up:
        watched(scaler, 500, 12, range(100, 300), held_up=True)
    told = watched(scaler, 0, 12, range(300, 361))
    assert [advice.nodes for advice in told] == [12] * 60 + [9]


def test_no_load_at_all_leaves_the_fewest_nodes() -> None:
    assert watched(Scaler(BOUNDS), 0, 2, range(100))[-1] == Advice(2, "2 are the fewest")


def test_a_slow_dependency_adds_nothing_and_is_told_as_the_reason() -> None:
    scaler = Scaler(BOUNDS)
    watched(scaler, 28, 3, range(100))
    held = watched(scaler, 500, 3, range(100, 160), held_up=True)
    assert {advice.nodes for advice in held} == {3}
    assert "depend on is slow" in held[-1].why
    assert watched(scaler, 28, 3, range(160, 300))[0].nodes == 3, "what piled up meanwhile is forgotten"


def test_bounds_hold_whatever_is_there() -> None:
    assert Scaler(BOUNDS).advise(Sample(0.0, 30, 500.0)).nodes <= 30
    assert Scaler(BOUNDS).advise(Sample(0.0, 0, 0.0)).nodes == 2


@pytest.mark.parametrize("wrong", [{"least": 0}, {"least": 5, "most": 4}, {"target": 0}])
def test_bounds_that_cannot_be_kept_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Bounds(**{"least": 1, "most": 3, "target": 10, **wrong})
