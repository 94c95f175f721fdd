"""A proxy that goes down and up, and the faults that it has."""

import pytest

from gigaday.errors import Conflict, NotFound
from gigaday.lab.toxics import Toxic
from tests.unit.lab.conftest import connect


async def test_down_refuses_and_cuts_and_up_serves_again_at_the_same_address(proxy) -> None:
    client = await connect(proxy)
    await client.ask(b"before")
    await proxy.down()
    assert await client.reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await proxy.up()
    assert await (await connect(proxy)).ask(b"after") == b"after"


async def test_names_are_given_once(proxy) -> None:
    proxy.add(Toxic(type="latency"))
    with pytest.raises(Conflict):
        proxy.add(Toxic(type="latency"))
    with pytest.raises(NotFound):
        proxy.remove("other")
