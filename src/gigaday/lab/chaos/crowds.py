"""Crowds of clients besides the usual ones; each runs in a process of its own, so that it does not slow down those who
measure, and returns what it saw."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass

from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.traffic import API


@dataclass(frozen=True)
class Seen:
    """In a line; how often all of them asked at once, and how many were not answered well."""

    told: str
    rounds: int = 0
    failed: int = 0


def same(address: str, token: str, count: int, seconds: float) -> Seen:
    """`count` clients ask for one product all at once, each time just after it was changed."""

    async def crowd() -> Seen:
        client = Client([address], token, timeout=15)
        made = await client.request("POST", f"{API}/products", {"name": "Hot"})
        path = f"{API}/products/{made.json()['_id']}"
        seen: Counter[int] = Counter()
        until, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            rounds += 1
            await client.request("PATCH", path, {"description": os.urandom(4).hex()})
            seen.update(
                one.status for one in await asyncio.gather(*(client.request("GET", path) for _ in range(count)))
            )
        await client.close()
        return Seen(f"{count} clients of one key got {_told(seen)}", rounds, seen.total() - seen[200])

    return _run(crowd())


def slow(address: str, token: str, count: int, seconds: float) -> Seen:
    """`count` clients send a byte of their request's head every two seconds; one that is cut off comes again."""

    async def crowd() -> Seen:
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
        return Seen(f"{count} slow clients opened {opened} connections, and were refused {refused}")

    return _run(crowd())


def _run(crowd: Coroutine[None, None, Seen]) -> Seen:
    return asyncio.run(crowd)


def _told(seen: Counter[int]) -> str:
    return ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(seen.items()))
