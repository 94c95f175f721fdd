"""Acts on the mode in force before any work is done for a request, and tells which mode shaped an answer.

An operator's own calls pass: they are what ends an emergency. So does whatever the cache of this process answers, which
costs nobody anything.
"""

from collections.abc import Callable

from gigaday.edge.asgi import App, Receive, Scope, Send
from gigaday.edge.load import Priority
from gigaday.errors import ReadOnly, Unavailable
from gigaday.model.mode import Mode
from gigaday.model.request import state_of

_RETRY_AFTER = 5
_SHED = "The service is giving up less urgent work for now; try again later"
_GIVEN_UP: dict[str, frozenset[str]] = {
    "list": frozenset(),
    "read": frozenset(("list", "upload")),
    "write": frozenset(("list", "upload", "read")),
}
"""By the least urgent that is admitted: what is refused."""


class Stage:
    """`mode_of` gives what is in force for a tenant; `priority` and `streams` decide from (method, path)."""

    def __init__(
        self,
        app: App,
        *,
        mode_of: Callable[[str], Mode],
        priority: Callable[[str, str], Priority],
        streams: Callable[[str, str], bool],
    ) -> None:
        self.app = app
        self.mode_of, self.priority, self.streams = mode_of, priority, streams
        self.read_only = self.shed = 0
        """Requests refused for each reason."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            state = state_of(scope)
            if state.principal is not None and not state.principal.operator:
                self._heed(scope, self.mode_of(state.principal.tenant))
        await self.app(scope, receive, send)

    def _heed(self, scope: Scope, mode: Mode) -> None:
        kind = self._kind(scope["method"], scope["path"])
        if kind in _GIVEN_UP[mode.admits]:
            self.shed += 1
            raise Unavailable(_SHED, retry_after=_RETRY_AFTER, headers={"X-Degraded": "shed"})
        if "read_only" in mode.levels and kind in ("write", "upload"):
            self.read_only += 1
            raise ReadOnly(retry_after=_RETRY_AFTER)

    def _kind(self, method: str, path: str) -> str:
        priority = self.priority(method, path)
        return "upload" if priority == "write" and self.streams(method, path) else priority
