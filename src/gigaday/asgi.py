"""What the server's workers start: the application, made from the environment's settings."""

import gc

from starlette.types import ASGIApp

from gigaday import compose, settings

_COLLECTOR = (50_000, 20, 50)
"""Thresholds of Python's collector. By its own, it walks again and again over all requests that wait at once, which was
nearly half of the time of a burst of 2,000."""


def create() -> ASGIApp:
    """A new application; the server calls this once in each worker."""
    gc.set_threshold(*_COLLECTOR)
    return compose.create_app(settings.load())
