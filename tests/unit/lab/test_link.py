"""A connection through the proxy, from its beginning to its end."""

import asyncio
import time
from collections.abc import Callable

from gigaday.lab.toxics import Toxic
from tests.unit.lab.conftest import connect


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_bytes_pass_both_ways_unharmed(proxy) -> None:
    client = await connect(proxy)
    big = bytes(range(256)) * 20_000
    assert await client.ask(b"small") == b"small"
    assert await client.ask(big) == big


async def test_the_end_of_one_direction_leaves_the_other_open(proxy) -> None:
    client = await connect(proxy)
    client.writer.write(b"last words")
    client.writer.write_eof()
    assert await client.reader.read() == b"last words"


async def test_toxicity_is_the_share_of_connections_hit(proxy) -> None:
    proxy.add(Toxic(type="timeout", toxicity=0.5))
    clients = [await connect(proxy) for _ in range(40)]
    silent = await asyncio.gather(*(client.silent(b"x") for client in clients))
    assert 8 < sum(silent) < 32


async def test_spared_connections_go_on_and_others_do_not(proxy) -> None:
    member, client = await connect(proxy), await connect(proxy)
    await member.ask(b"hello, I am NetworkInterfaceTL-Repl")
    await client.ask(b"hello, I am PyMongo")
    proxy.add(Toxic(type="timeout", spares=("NetworkInterfaceTL",)))
    assert await member.ask(b"heartbeat") == b"heartbeat"
    assert await client.silent(b"query")
    late = await connect(proxy)
    assert await late.ask(b"NetworkInterfaceTL too") == b"NetworkInterfaceTL too"
    assert await (await connect(proxy)).silent(b"PyMongo too")


async def test_a_dead_server_ends_the_connection(proxy, echo) -> None:
    client = await connect(proxy)
    await client.ask(b"x")
    echo[0].writers[0].close()
    assert await client.reader.read() == b""
    client.writer.close()
    await until(lambda: proxy.describe()["connections"] == 0)


async def test_connections_that_ended_are_forgotten(proxy) -> None:
    for _ in range(5):
        client = await connect(proxy)
        await client.ask(b"x")
        client.writer.close()
    await until(lambda: proxy.describe()["connections"] == 0)
