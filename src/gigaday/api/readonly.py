"""A route that answers GET and HEAD alone; any other method is a 405 that says so."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gigaday.errors import MethodNotAllowed

Handler = Callable[[Request], Awaitable[Response]]
METHODS = ("GET", "HEAD")


class _Readonly:
    """An instance, not a function: Starlette would answer a wrong method to a function by itself, as plain text."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in METHODS:
            raise MethodNotAllowed("Only GET and HEAD are allowed here.", headers={"Allow": ", ".join(METHODS)})
        response = await self._handler(Request(scope, receive))
        if scope["method"] == "HEAD" and type(response) is Response:
            response.body = b""
        await response(scope, receive, send)


def readonly(path: str, handler: Handler) -> Route:
    """The route of `handler` at `path`."""
    return Route(path, _Readonly(handler), include_in_schema=False)
