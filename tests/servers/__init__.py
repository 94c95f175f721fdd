"""Real servers for live tests: those of the laboratory, and what makes them skip where one is not to be had."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol, TypeVar

import pytest

from gigaday.lab.waiting import ServerMissing, free_ports, until

__all__ = ["Server", "ServerMissing", "free_ports", "missing", "running", "until"]


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
