"""Which members could lead next."""

from datetime import UTC, datetime, timedelta

import pytest

from gigaday.backends.mongo_failover import heirs
from gigaday.errors import BackendDown

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def member(name, state=2, health=1, behind=0):
    return {"name": name, "state": state, "health": health, "optimeDate": NOW - timedelta(seconds=behind)}


@pytest.mark.parametrize(
    ("other", "priority", "may"),
    [
        (member("b"), 1, True),
        (member("b", behind=5), 1, True),
        (member("b", behind=60), 1, False),
        (member("b", health=0), 1, False),
        (member("b", state=7), 1, False),
        (member("b"), 0, False),
    ],
    ids=["caught up", "nearly", "far behind", "down", "arbiter", "never to lead"],
)
def test_only_a_member_that_is_up_caught_up_and_electable_could_lead(other, priority, may):
    assert heirs([member("a", state=1), other], {"a": 1, "b": priority}) == (["b"] if may else [])


def test_a_primary_that_is_gone_by_then_is_told_as_an_outage():
    with pytest.raises(BackendDown, match="no member is the primary"):
        heirs([member("a"), member("b")], {"a": 1, "b": 1})
