"""Drives one stage as plain ASGI: `call` sends a request through an app and gathers its answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import msgspec
import pytest
import structlog

from gigaday.model.request import KEY, RequestState
from tests.clocks import HandClock


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    scope: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)


Call = Callable[..., Awaitable[Answer]]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def call() -> Call:
    async def calling(
        app: Any,
        method: str = "GET",
        path: str = "/things",
        headers: Sequence[tuple[str, str]] = (("host", "example.test"),),
        chunks: Sequence[bytes] = (b"",),
        query: bytes = b"",
        client: tuple[str, int] | None = ("192.0.2.1", 4000),
        state: RequestState | None = None,
        gone: bool = False,
    ) -> Answer:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "client": client,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            KEY: state or RequestState(request_id="r-1", started=0.0),
        }
        waiting = [] if gone else list(chunks)

        async def receive() -> Any:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        answer = Answer(scope=scope)
        await app(scope, receive, answer.send)
        return answer

    return calling


@pytest.fixture
def replying() -> Callable[..., Any]:
    """Makes an app that answers with a fixed status, headers and body chunks."""

    def make(
        *chunks: bytes, status: int = 200, headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),)
    ) -> Any:
        parts = chunks or (b"{}",)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            encoded = [(name.encode(), value.encode()) for name, value in headers]
            await send({"type": "http.response.start", "status": status, "headers": encoded})
            for n, part in enumerate(parts, 1):
                await send({"type": "http.response.body", "body": part, "more_body": n < len(parts)})

        return app

    return make


@pytest.fixture
def raising() -> Callable[[Exception], Any]:
    def make(error: Exception) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise error

        return app

    return make


class Log:
    """A real structlog logger that writes JSON lines to memory."""

    def __init__(self) -> None:
        self.written = StringIO()
        self.logger = structlog.wrap_logger(
            structlog.PrintLogger(self.written),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.written.getvalue().splitlines()]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def lifespan() -> Callable[..., Awaitable[bool]]:
    """Whether a stage made by `make(app)` hands a lifespan scope on untouched."""

    async def passes(make: Callable[[Any], Any]) -> bool:
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append((scope, receive, send))

        scope, receive, send = {"type": "lifespan"}, object(), object()
        await make(app)(scope, receive, send)
        return seen == [(scope, receive, send)] and scope == {"type": "lifespan"}

    return passes
