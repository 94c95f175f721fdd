"""Real servers that live tests start and stop by their process ids."""

import os
import socket
from typing import NoReturn

import pytest


class ServerMissing(Exception):
    """The server cannot be started here; the message says why."""


def missing(reason: str) -> NoReturn:
    """Skips the test with its reason; under REQUIRE_LIVE=1 fails it."""
    if os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"a live server is required: {reason}")
    pytest.skip(reason)


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
