"""A balancer's limits come from the settings of the nodes."""

from gigaday import settings
from gigaday.compose import balancer_limits
from gigaday.edge.load import Caps
from gigaday.ops.balancer import Limits


def test_they_are_those_of_the_settings() -> None:
    chosen = settings.load({"GIGADAY_REQUEST_TIMEOUT": "7", "GIGADAY_MAX_IN_FLIGHT": "50"})
    limits = balancer_limits(chosen)
    assert (limits.request_timeout, limits.max_in_flight) == (7, 50)


def test_a_node_of_two_workers_takes_twice_as_much() -> None:
    environ = {"CLUSTER_SIZE": "2", "REDIS_CLUSTER_URLS": "a:1", "GIGADAY_MAX_IN_FLIGHT": "50"}
    assert balancer_limits(settings.load(environ)).max_in_flight == 100


def test_unless_told_they_are_those_of_a_node_unless_told() -> None:
    assert balancer_limits(settings.load({})) == Limits()
    assert Limits().header_bytes == Caps().header_bytes
