"""Crowds of clients besides the usual ones; each runs in a process of its own, so that it does not slow down those who
measure, and returns what it saw in one line."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine

from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.traffic import API


def impatient(address: str, token: str, count: int, seconds: float) -> str:
    """`count` clients, each of whom asks again as soon as it is answered, and waits for nothing when refused."""

    async def crowd() -> str:
        client = Client([address], token, timeout=5)
        seen: Counter[int] = Counter()
        until = time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < until:
                seen[(await client.request("GET", f"{API}/products?limit=50")).status] += 1

        await asyncio.gather(*(one() for _ in range(count)))
        await client.close()
        return f"{count} impatient clients got {_told(seen)}"

    return _run(crowd())


def same(address: str, token: str, count: int, seconds: float) -> str:
    """`count` clients ask for one product all at once, each time just after it was changed."""

    async def crowd() -> str:
        client = Client([address], token, timeout=15)
        made = await client.request("POST", f"{API}/products", {"name": "Hot"})
        path = f"{API}/products/{made.json()['_id']}"
        seen: Counter[int] = Counter()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await client.request("PATCH", path, {"description": os.urandom(4).hex()})
            seen.update(
                one.status for one in await asyncio.gather(*(client.request("GET", path) for _ in range(count)))
            )
        await client.close()
        return f"{count} clients of one key got {_told(seen)}"

    return _run(crowd())


def slow(address: str, token: str, count: int, seconds: float) -> str:
    """`count` clients send a byte of their request's head every two seconds; one that is cut off comes again."""

    async def crowd() -> str:
        host, _, port = address.rpartition(":")
        until = time.monotonic() + seconds
        opened = refused = 0

        async def one() -> None:
            nonlocal opened, refused
            while time.monotonic() < until:
                try:
                    reader, writer = await asyncio.open_connection(host, int(port))
                except OSError:
                    refused += 1
                    await asyncio.sleep(1)
                    continue
                opened += 1
                writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
                while time.monotonic() < until and not reader.at_eof() and not writer.is_closing():
                    writer.write(b"x")
                    await asyncio.sleep(2)
                writer.close()

        await asyncio.gather(*(one() for _ in range(count)))
        return f"{count} slow clients opened {opened} connections, and were refused {refused}"

    return _run(crowd())


def _run(crowd: Coroutine[None, None, str]) -> str:
    return asyncio.run(crowd)


def _told(seen: Counter[int]) -> str:
    return ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(seen.items()))
