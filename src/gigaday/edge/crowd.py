"""Keeps one tenant from taking the whole node: caps how many of its requests the origin works on at a time.

Inside the cache, so that neither what is cached nor those who wait for one load count.
"""

from collections.abc import Callable

from gigaday.edge.asgi import App, Receive, Scope, Send
from gigaday.errors import RateLimited
from gigaday.model.request import Principal, state_of


class Stage:
    """`at_once` is how many requests of a caller's tenant are worked on at a time."""

    def __init__(self, app: App, *, at_once: Callable[[Principal], int]) -> None:
        self.app, self.at_once = app, at_once
        self.running: dict[str, int] = {}
        """How many requests of each tenant are being worked on."""
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = state_of(scope).principal if scope["type"] == "http" else None
        if principal is None or not principal.tenant:
            await self.app(scope, receive, send)
            return
        self._enter(principal)
        try:
            await self.app(scope, receive, send)
        finally:
            self._leave(principal.tenant)

    def _enter(self, principal: Principal) -> None:
        """Raises RateLimited where the tenant has as many as it may: what one works on is taken from all others."""
        running = self.running.get(principal.tenant, 0)
        if running >= self.at_once(principal):
            self.refused += 1
            raise RateLimited(
                f"{running} requests are being worked on; send fewer at a time", headers={"Retry-After": "1"}
            )
        self.running[principal.tenant] = running + 1

    def _leave(self, tenant: str) -> None:
        if self.running[tenant] > 1:
            self.running[tenant] -= 1
        else:
            del self.running[tenant]
