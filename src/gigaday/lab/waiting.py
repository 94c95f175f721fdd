"""What starting a server takes: ports that are free, and patience with an end."""

import secrets
import socket
import time
from collections.abc import Callable

from gigaday.errors import GigadayError

# Below what Linux gives to outgoing connections, which else might take a port before its server does.
_FIRST, _END = 20_000, 32_768


class ServerMissing(GigadayError):
    """The server cannot be started here; the message says why."""


def until(condition: Callable[[], object], seconds: float, complaint: str, *, retried: type[Exception]) -> None:
    """Returns once `condition` holds; what it raises of `retried` only counts as not yet. Raises ServerMissing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except retried as error:
            complaint = f"{complaint.split(': ')[0]}: {error}"
        if time.monotonic() > deadline:
            raise ServerMissing(complaint)
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on now, no two the same."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", _FIRST + secrets.randbelow(_END - _FIRST)))
            except OSError:
                one.close()
            else:
                held.append(one)
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def taken(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


Take = Callable[[int], list[int]]


class UnusedPorts:
    """Free ports, none of them given twice: some are taken only long after they were given."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def __call__(self, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            fresh = [port for port in free_ports(count - len(found)) if port not in self._given]
            self._given.update(fresh)
            found += fresh
        return found
