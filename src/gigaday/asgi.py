"""What the server's workers start: the application, made from the environment's settings."""

from starlette.types import ASGIApp

from gigaday import compose, settings


def create() -> ASGIApp:
    """A new application; the server calls this once in each worker."""
    return compose.create_app(settings.load())
