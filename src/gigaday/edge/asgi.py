"""ASGI's shapes, and how to read a request's headers from a scope."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


def values(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header (lower-case name), in order."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def first(scope: Scope, name: bytes) -> str:
    """The first value of a header, or ""."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def joined(scope: Scope, name: bytes) -> str:
    """A list header's values as one, as RFC 9110 section 5.3 allows."""
    return ", ".join(values(scope, name))
