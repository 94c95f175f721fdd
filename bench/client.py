"""The least a client can be, in process: one ASGI call, so that what is measured is the application."""

from typing import Any
from urllib.parse import urlsplit

from gigaday.edge.asgi import App, Headers


class Client:
    """Asks `app` as one caller; reuses what never differs, to cost next to nothing itself."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._headers = headers_of(token)
        self._body = b""
        self._status = 0

    async def get(self, url: str) -> bytes:
        """The body of the answer. Raises RuntimeError unless it is 200. One at a time: what is at once needs clients of
        its own."""
        if await self.status(url) != 200:
            raise RuntimeError(f"{url} answered {self._status}: {self._body!r}")
        return self._body

    async def status(self, url: str) -> int:
        """That of the answer."""
        parts = urlsplit(url)
        self._body, self._status = b"", 0
        await self._app(scope_of(self._headers, parts.path, parts.query), _receive, self._send)
        return self._status

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")


class Repeated:
    """Asks the same again and again, and costs even less: the scopes are made beforehand."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._status = 0

    async def ask(self, scope: dict[str, Any]) -> int:
        """The status of the answer."""
        await self._app(scope, _receive, self._send)
        return self._status

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]


def headers_of(token: str) -> Headers:
    return [(b"host", b"localhost"), (b"authorization", b"Bearer " + token.encode())]


def scope_of(headers: Headers, path: str, query: str = "") -> dict[str, Any]:
    """Of a GET."""
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "headers": headers,
        "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
