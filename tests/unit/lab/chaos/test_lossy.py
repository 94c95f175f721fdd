"""A client of its own process."""

import asyncio

from gigaday.lab.chaos import lossy


async def test_it_counts_what_was_answered_well():
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        while head := await _head(reader):
            assert b"Bearer secret" in head
            number += 1
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (503 if number == 2 else 200))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    good, asked = await lossy.ask(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "secret", 0.2)
    server.close()
    assert asked == number >= 3 and good == asked - 1


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
