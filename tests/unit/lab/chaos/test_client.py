"""The client against a real server, and against none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gigaday.lab.chaos.client import Client
from tests.servers import free_ports

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
PLAIN = b"HTTP/1.1 201 Created\r\nX-Degraded: cache\r\nContent-Length: 4\r\n\r\n[1]\n"


class Server:
    """Answers each request with `answer`: never where it is empty, by closing where it is None. Keeps the requests."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer, self.asked, self.connections = answer, b"", 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        while data := await reader.read(65_536):
            self.asked += data
            if self.answer is None:
                break
            writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[tuple[Server, str]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield server, f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    for writer in server.writers:
        writer.close()
    listening.close()


async def test_it_reads_bodies_of_either_kind_over_one_connection():
    async with serving(PLAIN) as (server, address):
        client = Client([address], "secret")
        answer = await client.request("POST", "/x", {"a": 1}, {"Idempotency-Key": "k"})
        assert (answer.status, answer.json(), answer.headers["x-degraded"]) == (201, [1], "cache")
        assert b"Bearer secret" in server.asked and b"Idempotency-Key: k" in server.asked
        server.answer = CHUNKED
        assert (await client.request("GET", "/x")).body == b"abcde"
        assert server.connections == 1
        await client.close()


async def test_a_server_that_never_answers_is_left_in_time():
    async with serving(b"") as (_, address):
        client = Client([address], "secret", timeout=0.2)
        assert (await client.request("GET", "/x")).status == 0


async def test_where_one_address_takes_no_connection_the_next_is_used():
    async with serving(PLAIN) as (server, alive):
        client = Client([f"127.0.0.1:{free_ports(1)[0]}", alive], "secret")
        assert (await client.request("POST", "/x", {})).status == 201
        assert server.asked.count(b"POST") == 1
        await client.close()
        assert (
            await Client([f"127.0.0.1:{port}" for port in free_ports(2)], "secret").request("GET", "/x")
        ).status == 0


async def test_after_a_broken_connection_the_next_address_is_used_and_no_write_is_sent_twice():
    async with serving(PLAIN) as (broken, first), serving(PLAIN) as (alive, second):
        broken.answer = None
        client = Client([first, second], "secret")
        assert (await client.request("POST", "/x", {})).status == 0
        assert alive.asked == b""
        assert (await client.request("POST", "/x", {})).status == 201
        assert broken.asked.count(b"POST") == 1
        await client.close()


async def test_when_a_kept_connection_breaks_reads_are_sent_again_and_writes_are_not():
    async with serving(PLAIN) as (server, address):
        client = Client([address], "secret")
        await client.request("GET", "/x")
        server.answer = None
        assert (await client.request("POST", "/x", {})).status == 0
        assert server.asked.count(b"POST") == 1
        server.answer = PLAIN
        await client.request("GET", "/x")
        server.answer, before = None, server.asked.count(b"GET")
        assert (await client.request("GET", "/x")).status == 0
        assert server.asked.count(b"GET") == before + 2
        await client.close()
