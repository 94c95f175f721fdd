"""What starting a server takes: ports that are free, and patience with an end."""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator

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
    with contextlib.ExitStack() as held:
        return [_port(held.enter_context(one)) for one in _bound(count)]


def _bound(count: int) -> Iterator[socket.socket]:
    """Each to a free port; nobody else gets that before it is closed."""
    while count:
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", _FIRST + secrets.randbelow(_END - _FIRST)))
        except OSError:
            one.close()
        else:
            count -= 1
            yield one


def _port(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


def taken(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


Take = Callable[[int], list[int]]


class ReservedPorts(contextlib.ExitStack):
    """Free ports, which nobody else who looks for some is given while this is open; servers may listen on them."""

    def __call__(self, count: int) -> list[int]:
        found = [self.enter_context(one) for one in _bound(count)]
        for one in found:
            # So that a server, which asks for as much, can have the port beside it.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return [_port(one) for one in found]
