"""A client of its own process, wherever that has been put: `python -m gigaday.lab.chaos.lossy HOST:PORT SECONDS`, with
the token on standard input. Prints how many requests were answered well, and how many were sent."""

import asyncio
import sys
import time

from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.traffic import API

_EVERY = 0.01


async def ask(address: str, token: str, seconds: float) -> tuple[int, int]:
    """How many lists were answered, and how many were asked for, one every so often whatever becomes of the others."""
    client = Client([address], token, timeout=10)
    until = time.monotonic() + seconds
    asked: list[asyncio.Task[int]] = []

    async def one() -> int:
        return (await client.request("GET", f"{API}/products?limit=5")).status

    while time.monotonic() < until:
        asked.append(asyncio.create_task(one()))
        await asyncio.sleep(_EVERY)
    statuses = await asyncio.gather(*asked)
    await client.close()
    return statuses.count(200), len(statuses)


if __name__ == "__main__":
    good, sent = asyncio.run(ask(sys.argv[1], sys.stdin.read(), float(sys.argv[2])))
    print(good, sent)
