"""Free ports, and waiting with an end."""

import socket

import pytest

from gigaday.lab.waiting import ReservedPorts, ServerMissing, free_ports, taken, until


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


def test_a_port_is_reserved_for_a_server_and_not_given_to_anybody_else() -> None:
    with ReservedPorts() as take:
        given = [port for _ in range(20) for port in take(20)]
        assert len(set(given)) == len(given)
        assert not set(free_ports(500)) & set(given)
        with socket.create_server(("127.0.0.1", given[0])):
            assert taken(given[0])
    with socket.socket() as other:
        other.bind(("127.0.0.1", given[1]))


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
