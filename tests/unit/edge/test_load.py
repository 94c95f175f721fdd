import pytest

from gigaday.edge.load import Caps, Load, Priority


@pytest.mark.parametrize(("priority", "from_"), [("list", 80), ("read", 90), ("write", 95)])
def test_the_less_urgent_is_refused_the_sooner(priority: Priority, from_: int) -> None:
    load = Load(Caps(max_in_flight=100))
    load.in_flight = from_ - 1
    assert not load.refuses(priority)
    load.in_flight = from_
    assert load.refuses(priority) and load.tight
    assert load.refused == 1


def test_health_is_never_refused() -> None:
    load = Load(Caps(max_in_flight=100))
    load.in_flight = load.open = 10_000
    assert not load.refuses("health")


def test_those_who_wait_for_their_clients_count_towards_the_cap_alone() -> None:
    load = Load(Caps(max_in_flight=100, least_in_flight=10))
    load.limit.value = 10.0
    load.open = 79
    assert not load.refuses("list") and not load.tight
    load.open = 80
    assert load.refuses("list")


def test_many_may_wait_for_loads_of_others_though_not_any_number() -> None:
    load = Load(Caps(max_in_flight=100, least_in_flight=10))
    load.idle = 4 * 80 - 1
    assert not load.refuses("list")
    load.idle += 1
    assert load.refuses("list") and load.tight
    load.idle, load.open = 40, 70
    assert load.refuses("list")


def test_in_an_emergency_both_limits_are_lowered() -> None:
    load = Load(Caps(max_in_flight=100))
    load.factor = 0.5
    load.in_flight = 40
    assert load.refuses("list") and not load.refuses("read") and load.tight
    load.in_flight, load.open = 0, 45
    assert load.refuses("read") and not load.refuses("write")
