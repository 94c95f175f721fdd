"""A node's stand-in that a test decides the answers of; it remembers each request as its bytes came."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Origin:
    """`answer` gives the status for a method and path; what is ready is always so."""

    name: str = "origin"
    answer: Callable[[str, str], int] = lambda method, path: 200
    seen: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""
    retry_after: bool = False


def _handler(origin: Origin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode("latin-1")
            if self.path == "/readyz":
                self._send(200, b"{}")
                return
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            origin.seen.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
            status = origin.answer(self.command, self.path)
            self._send(status, json.dumps({"by": origin.name, "headers": headers}).encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do

        def _send(self, status: int, body: bytes) -> None:
            if status == 0:  # gone without a word
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 503 and origin.retry_after:
                self.send_header("Retry-After", "1")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A balancer that checks its health hangs up as soon as it knows."""


@contextmanager
def serving(*origins: Origin) -> Iterator[None]:
    """Serves all of them on free ports, which they are then given as their addresses."""
    servers: list[socketserver.BaseServer] = []
    try:
        for origin in origins:
            server = _Server(("127.0.0.1", 0), _handler(origin))
            origin.address = f"127.0.0.1:{server.server_address[1]}"
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            servers.append(server)
        yield
    finally:
        for one in servers:
            one.shutdown()
            one.server_close()
