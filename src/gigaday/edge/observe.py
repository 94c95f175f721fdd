"""The outermost stage: names the request, times it, counts it and writes its line in the access log."""

import re
from collections.abc import Callable
from urllib.parse import quote

from structlog.typing import FilteringBoundLogger

from gigaday.contracts import Clock
from gigaday.edge.asgi import App, Headers, Message, Receive, Scope, Send, first
from gigaday.edge.counters import Counters
from gigaday.edge.request_ids import chosen
from gigaday.model.request import CURRENT, KEY, RequestState

_METHOD = re.compile(r"[A-Z]{1,16}")
_OWN_HEADERS = frozenset((b"server", b"x-powered-by", b"x-request-id"))
_LONGEST_LOGGED_PATH = 512


class Stage:
    """Puts a `RequestState` into the scope. `log` None writes no access log."""

    def __init__(
        self,
        app: App,
        *,
        clock: Clock,
        counters: Counters,
        new_id: Callable[[], str],
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self.app = app
        self.clock = clock
        self.counters = counters
        self.new_id = new_id
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = RequestState(
            request_id=chosen(first(scope, b"x-request-id"), self.new_id), started=self.clock.monotonic()
        )
        scope[KEY] = state
        CURRENT.set(state)
        answer = _Answer(state, send)
        self.counters.in_flight += 1
        try:
            await self.app(scope, receive, answer.send)
        finally:
            self.counters.in_flight -= 1
            self._finish(scope, state, answer)

    def _finish(self, scope: Scope, state: RequestState, answer: "_Answer") -> None:
        seconds = max(0.0, self.clock.monotonic() - state.started)
        if answer.status:
            self.counters.record(answer.status, seconds)
        if not answer.complete:
            self.counters.aborted += 1
        if self.log is not None:
            self.log.info("request", **_line(scope, state, answer, seconds))


class _Answer:
    """Sends one answer on with the headers that belong to this request alone, and remembers what was sent."""

    def __init__(self, state: RequestState, send: Send) -> None:
        self.state = state
        self.status = 0
        self.size = 0
        self.complete = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        await self._send(message)
        if message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        elif message["type"] == "http.response.pathsend":
            self.complete = True

    def _headers(self, message: Message) -> Headers:
        kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in _OWN_HEADERS]
        kept += self.state.headers
        kept.append((b"x-request-id", self.state.request_id.encode()))
        kept.append((b"server", b"gigaday"))
        return kept


def _line(scope: Scope, state: RequestState, answer: _Answer, seconds: float) -> dict[str, str | int | float | bool]:
    """What is logged: never the query or a header, which may hold secrets. The path is quoted again, so that no
    renderer can be made to break the line."""
    method = scope["method"]
    return {
        "request_id": state.request_id,
        "method": method if _METHOD.fullmatch(method) else "?",
        "path": quote(scope["path"][:_LONGEST_LOGGED_PATH], safe="/:@!$&'()*+,;=~-._", errors="replace"),
        "status": answer.status,
        "complete": answer.complete,
        "bytes": answer.size,
        "ms": round(seconds * 1000, 3),
        "client": state.client,
        "tenant": state.principal.tenant if state.principal else "",
        "token": state.principal.token_id if state.principal else "",
    }
