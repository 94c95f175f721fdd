"""What each fault does to a real connection."""

import pytest

from gigaday.errors import BadRequest
from gigaday.lab.toxics import Toxic
from tests.unit.lab.conftest import connect


async def test_timeout_swallows_everything_then_closes(proxy, echo) -> None:
    proxy.add(Toxic(type="timeout", stream="upstream", attributes={"timeout": 400}))
    client = await connect(proxy)
    assert await client.silent(b"lost")
    assert await client.reader.read() == b""
    assert echo[0].heard == b""


async def test_a_timeout_of_zero_hangs_until_it_is_taken_off(proxy) -> None:
    client = await connect(proxy)
    await client.ask(b"before")
    proxy.add(Toxic(type="timeout"))
    assert await client.silent(b"lost")
    proxy.remove("timeout_downstream")
    assert await client.reader.read() == b""
    assert await (await connect(proxy)).ask(b"after") == b"after"


async def test_reset_peer_resets(proxy) -> None:
    client = await connect(proxy)
    await client.ask(b"before")
    proxy.add(Toxic(type="reset_peer"))
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


async def test_limit_data_closes_after_so_many_bytes(proxy) -> None:
    proxy.add(Toxic(type="limit_data", attributes={"bytes": 10}))
    client = await connect(proxy)
    client.writer.write(b"0123456")
    client.writer.write(b"789abcdef")
    assert await client.reader.read() == b"0123456789"


async def test_a_lost_reply_is_one_whose_request_arrived(proxy, echo) -> None:
    proxy.add(Toxic(type="lost_reply", attributes={"contains": ["insert", "products"], "times": 1}))
    client = await connect(proxy)
    assert await client.ask(b"insert tokens") == b"insert tokens"
    client.writer.write(b"insert products")
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    assert echo[0].heard.endswith(b"insert products")
    again = await connect(proxy)
    assert await again.ask(b"insert products") == b"insert products"


@pytest.mark.parametrize(
    "toxic",
    [
        Toxic(type="gremlins"),
        Toxic(type="latency", attributes={"latecy": 1}),
        Toxic(type="latency", attributes={"latency": -1}),
        Toxic(type="lost_reply", attributes={"contains": "insert"}),
        Toxic(type="timeout", toxicity=1.5),
    ],
)
async def test_what_is_no_toxic_is_refused(proxy, toxic) -> None:
    with pytest.raises(BadRequest):
        proxy.add(toxic)
    assert not proxy.toxics
