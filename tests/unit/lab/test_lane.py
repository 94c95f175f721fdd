"""How bytes pass one direction of a connection."""

import asyncio
import time

import pytest

from gigaday.lab.toxics import Toxic
from tests.unit.lab.conftest import connect


async def test_latency_delays_each_answer(proxy) -> None:
    client = await connect(proxy)
    proxy.add(Toxic(type="latency", attributes={"latency": 150}))
    assert 0.145 < await client.timed(b"x") < 1
    proxy.remove("latency_downstream")
    assert await client.timed(b"x") < 0.145


async def test_what_is_delayed_keeps_its_order(proxy) -> None:
    client = await connect(proxy)
    proxy.add(Toxic(type="latency", stream="upstream", attributes={"latency": 20, "jitter": 20}))
    sent = b""
    for number in range(100):
        client.writer.write(piece := b"%d " % number)
        sent += piece
        await asyncio.sleep(0.001)
    assert await client.reader.readexactly(len(sent)) == sent


async def test_bandwidth_is_limited_over_all_that_passes(proxy) -> None:
    proxy.add(Toxic(type="bandwidth", attributes={"rate": 100}))
    client = await connect(proxy)
    began = time.monotonic()
    for _ in range(10):
        client.writer.write(bytes(4_000))
        await asyncio.sleep(0.005)
    await client.reader.readexactly(40_000)
    assert 0.38 < time.monotonic() - began < 2


async def test_who_does_not_read_holds_up_who_sends(proxy) -> None:
    client = await connect(proxy)
    client.writer.write(bytes(32 << 20))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await client.writer.drain()


async def test_what_is_delayed_is_held_within_bounds(proxy) -> None:
    proxy.add(Toxic(type="latency", stream="upstream", attributes={"latency": 30_000}))
    client = await connect(proxy)
    client.writer.write(bytes(32 << 20))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await client.writer.drain()


async def test_slow_close_holds_up_the_end(proxy) -> None:
    proxy.add(Toxic(type="slow_close", attributes={"delay": 200}))
    client = await connect(proxy)
    await client.ask(b"x")
    client.writer.write_eof()
    began = time.monotonic()
    assert await client.reader.read() == b""
    assert 0.19 < time.monotonic() - began < 2
