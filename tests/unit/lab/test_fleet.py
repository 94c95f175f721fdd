"""What the autoscaler makes of what nodes tell of their dependencies; tests/live/test_autoscale.py has the rest."""

import json
from pathlib import Path

import pytest

from gigaday.lab.fleet import LabFleet, held_up
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError

WELL = {"components": {"database": {"status": "up", "breakers": {"reads": "closed"}}, "cache": {"status": "up"}}}
SLOW = {"components": {**WELL["components"], "database": {"status": "degraded"}}}
CUT = {"components": {**WELL["components"], "storage": {"status": "up", "breakers": {"calls": "open"}}}}


@pytest.mark.parametrize("ill", [SLOW, CUT], ids=["slow", "breaker open"])
def test_a_dependency_counts_as_slow_where_most_nodes_say_so(ill: dict[str, object]) -> None:
    assert held_up([ill, ill, WELL])
    assert not held_up([ill, WELL])
    assert not held_up([])


def test_a_cdn_that_is_down_keeps_nobody_from_adding_nodes() -> None:
    alone = {"components": {**WELL["components"], "cdn": {"status": "down"}}}
    assert not held_up([alone, alone])


def test_a_fleet_that_no_balancer_shows_cannot_be_observed(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.learn(first_nodes=["node-1"])
    with pytest.raises(LabError, match="no balancer runs"):
        LabFleet(tmp_path).observe()
    assert json.loads((tmp_path / "state.json").read_text())["members"] == []
