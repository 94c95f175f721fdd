"""What the server's workers start: the application, made from the environment's settings."""

import gc
import sys

from starlette.types import ASGIApp

from gigaday import compose, settings

_COLLECTOR = (50_000, 20, 50)
"""Thresholds of Python's collector. By its own, it walks again and again over all requests that wait at once, which was
nearly half of the time of a burst of 2,000."""

_SWITCH_SECONDS = 0.000_5
"""How long a thread that has read from SQLite waits for a busy event loop to let it go on. By Python's own 5 ms, a
flood of refusals left the reads a fifth of what they could do."""


def create() -> ASGIApp:
    """A new application; the server calls this once in each worker."""
    gc.set_threshold(*_COLLECTOR)
    sys.setswitchinterval(_SWITCH_SECONDS)
    return compose.create_app(settings.load())
