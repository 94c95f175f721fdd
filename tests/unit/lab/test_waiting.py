"""Free ports, and waiting with an end."""

import socket

import pytest

from gigaday.lab.waiting import ServerMissing, UnusedPorts, free_ports, taken, until


def test_ports_are_free_distinct_and_not_those_of_outgoing_connections() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(20_000 <= port < 32_768 for port in ports)
    assert not any(taken(port) for port in ports[:5])


def test_a_port_that_is_listened_on_is_taken() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert taken(listening.getsockname()[1])


def test_no_port_is_given_twice_though_nobody_has_taken_it_yet() -> None:
    take = UnusedPorts()
    given = [port for _ in range(40) for port in take(100)]
    assert len(set(given)) == len(given)


def test_waiting_ends_when_it_holds_whatever_was_raised_before() -> None:
    answers = iter([OSError("not yet"), False, True])

    def condition() -> bool:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    until(condition, 5, "it does not", retried=OSError)


def test_waiting_in_vain_says_what_went_wrong_last() -> None:
    def condition() -> bool:
        raise OSError("refused")

    with pytest.raises(ServerMissing, match="the server does not answer: refused"):
        until(condition, 0, "the server does not answer", retried=OSError)
