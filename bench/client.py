"""The least a client can be, in process: one ASGI call, so that what is measured is the application."""

from typing import Any
from urllib.parse import urlsplit

from gigaday.edge.asgi import App


class Client:
    """Asks `app` as one caller; reuses what never differs, to cost next to nothing itself."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + token.encode())]
        self._body = b""
        self._status = 0

    async def get(self, url: str) -> bytes:
        """The body of the answer. Raises RuntimeError unless it is 200."""
        parts = urlsplit(url)
        self._body, self._status = b"", 0
        await self._app(self._scope(parts.path, parts.query), _receive, self._send)
        if self._status != 200:
            raise RuntimeError(f"{url} answered {self._status}: {self._body!r}")
        return self._body

    def _scope(self, path: str, query: str) -> dict[str, Any]:
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
            "query_string": query.encode(), "headers": self._headers,
            "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
