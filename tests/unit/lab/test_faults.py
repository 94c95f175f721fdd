"""The client of the fault proxy where no proxy answers."""

import pytest

from gigaday.errors import BackendDown
from gigaday.lab.faults import Faults, command
from tests.servers import free_ports


def test_where_no_proxy_answers_it_says_so() -> None:
    faults = Faults(f"http://127.0.0.1:{free_ports(1)[0]}")
    assert not faults.ready()
    with pytest.raises(BackendDown, match="does not answer"):
        faults.proxies()


def test_the_command_serves_at_the_address() -> None:
    assert command("127.0.0.1:8474")[-1] == "127.0.0.1:8474"
