"""A real server that echoes, and a proxy before it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from random import Random

import pytest

from gigaday.lab.fault_proxy import Proxies, Proxy


class Echo:
    """Answers every piece with itself; keeps all that it heard."""

    def __init__(self) -> None:
        self.heard = b""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> bytes:
        """As many bytes as were sent."""
        self.writer.write(data)
        return await self.reader.readexactly(len(data))

    async def timed(self, data: bytes) -> float:
        """The seconds that `ask` takes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await self.ask(data) == data
        return loop.time() - began

    async def silent(self, data: bytes, seconds: float = 0.2) -> bool:
        """Whether nothing at all comes back, not even an end."""
        self.writer.write(data)
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, str]]:
    """The server and its address."""
    server = Echo()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    yield server, f"{host}:{port}"
    listening.close()
    for writer in server.writers:
        writer.close()


@pytest.fixture
async def proxy(echo: tuple[Echo, str]) -> AsyncIterator[Proxy]:
    """Before the echo server."""
    proxies = Proxies(Random(1))
    yield await proxies.create("echo", "127.0.0.1:0", echo[1])
    await proxies.close()


async def connect(proxy: Proxy) -> Client:
    host, port = proxy.listen.split(":")
    return Client(*await asyncio.open_connection(host, int(port), family=socket.AF_INET))
