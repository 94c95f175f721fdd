"""Real servers that live tests start and stop by their process ids."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol, TypeVar

import pytest


class ServerMissing(Exception):
    """The server cannot be started here; the message says why."""


def missing(reason: str) -> NoReturn:
    """Skips the test with its reason; under REQUIRE_LIVE=1 fails it."""
    if os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"a live server is required: {reason}")
    pytest.skip(reason)


class Server(Protocol):
    """What tests start and stop."""

    def start(self) -> object:
        """Raises ServerMissing."""

    def stop(self) -> None: ...


S = TypeVar("S", bound=Server)


@contextmanager
def running(server: S) -> Iterator[S]:
    """The server while it runs; where it cannot be started, `missing` says so."""
    try:
        server.start()
    except ServerMissing as error:
        missing(str(error))
    try:
        yield server
    finally:
        server.stop()


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
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
