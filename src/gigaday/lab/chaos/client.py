"""A client of the deployment: kept connections, a deadline for each request, and the next address where one is dead."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where none came; then `text` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    text: str = ""

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Client:
    """Sends each request once, to the first of `addresses` (host:port) that takes connections; after a broken one the
    next address is the first. `timeout` in seconds."""

    def __init__(self, addresses: Sequence[str], token: str, *, timeout: float = 10.0) -> None:
        self._addresses = deque(addresses)
        self._token, self._timeout = token, timeout
        self._idle: deque[_Connection] = deque()

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Never raises."""
        content = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        head = self._head(method, path, len(content), headers or {})
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(head + content, method)
        except TimeoutError:
            return Answer(0, text="no answer in time")
        except (OSError, EOFError, ValueError) as error:
            return Answer(0, text=f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        while self._idle:
            self._idle.popleft().close()

    def _head(self, method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
        told = {"Host": "localhost", "Authorization": f"Bearer {self._token}", "Content-Length": str(length)}
        told |= {"Content-Type": "application/json", **headers}
        return f"{method} {path} HTTP/1.1\r\n".encode() + _lines(told)

    async def _exchange(self, request: bytes, method: str) -> Answer:
        connection, fresh = await self._connection()
        kept = False
        try:
            answer = await connection.exchange(request, method)
            kept = answer.headers.get("connection", "").lower() != "close"
        except (ConnectionError, asyncio.IncompleteReadError):
            # A kept connection that was closed while idle says nothing of the server, and is safe to leave for a GET.
            if fresh or method != "GET":
                self._leave(connection.address)
                raise
            return await self._again(request, method)
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    async def _again(self, request: bytes, method: str) -> Answer:
        await self.close()
        return await self._exchange(request, method)

    async def _connection(self) -> tuple["_Connection", bool]:
        while self._idle:
            found = self._idle.pop()
            if found.usable(self._addresses[0]):
                return found, False
            found.close()
        for _ in range(len(self._addresses) - 1):
            address = self._addresses[0]
            try:
                return await _connected(address), True
            except OSError:
                self._leave(address)
        return await _connected(self._addresses[0]), True

    def _leave(self, address: str) -> None:
        """Others that found the same have perhaps done so already."""
        if self._addresses[0] == address:
            self._addresses.rotate(-1)


class _Connection:
    """One request at a time. One that has been idle for long is not used again: the server may be about to close it."""

    _IDLE = 2.0

    def __init__(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address, self._reader, self._writer = address, reader, writer
        self._used = time.monotonic()

    def usable(self, address: str) -> bool:
        young = time.monotonic() - self._used < self._IDLE
        return young and address == self.address and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, request: bytes, method: str) -> Answer:
        """Raises OSError, EOFError or ValueError."""
        self._writer.write(request)
        await self._writer.drain()
        status, headers = _parsed(await self._reader.readuntil(b"\r\n\r\n"))
        body = b"" if method == "HEAD" or status in (204, 304) else await self._body(headers)
        self._used = time.monotonic()
        return Answer(status, headers, body)

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        parts: list[bytes] = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readuntil(b"\r\n")
        return b"".join(parts)

    def close(self) -> None:
        self._writer.close()


async def _connected(address: str) -> _Connection:
    host, _, port = address.rpartition(":")
    return _Connection(address, *await asyncio.open_connection(host, int(port)))


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
