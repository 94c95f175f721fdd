"""What the bus of announcements promises, over each of them."""

import asyncio
import secrets

import pytest

from gigaday.backends.redis_bus import RedisBus
from gigaday.backends.redis_connect import Redis
from gigaday.errors import BackendDown
from tests.servers import free_ports

pytestmark = pytest.mark.live


@pytest.fixture
def channel():
    return secrets.token_hex(8)


@pytest.fixture
async def bus(redis_cluster, channel):
    opened = RedisBus(Redis(redis_cluster.addresses, budget=2), channel)
    yield opened
    await opened.close()


async def test_every_listener_hears_everything_in_order_the_publisher_too(bus, redis_cluster, channel):
    other = RedisBus(Redis(redis_cluster.addresses, budget=2), channel)
    listeners = [bus.messages(), other.messages()]
    assert [await anext(listener) for listener in listeners] == [b"", b""]
    sent = [b"%d" % n for n in range(500)]
    await asyncio.gather(*(bus.publish(message) for message in sent))
    for listener in listeners:
        assert [await anext(listener) for _ in sent] == sent
        await listener.aclose()
    await other.close()


async def test_publishing_needs_no_listener(bus):
    await bus.publish(b"to nobody")


async def test_silence_is_no_loss(bus):
    listener = bus.messages()
    await anext(listener)
    hearing = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0.7)  # longer than two signs of life take
    assert not hearing.done()
    await bus.publish(b"at last")
    assert await hearing == b"at last"
    await listener.aclose()


async def test_a_lost_connection_is_told_at_once_and_listening_anew_works(bus, redis_cluster, channel):
    listener = bus.messages()
    await anext(listener)
    hearing = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    owner = redis_cluster.owner(redis_cluster.slot(channel))
    redis_cluster.call(owner, "CLIENT", "KILL", "TYPE", "pubsub")
    with pytest.raises(BackendDown):
        await asyncio.wait_for(hearing, 1)
    anew = bus.messages()
    assert await anext(anew) == b""
    await bus.publish(b"again")
    assert await anext(anew) == b"again"
    await anew.aclose()


async def test_a_channel_that_moves_is_told_and_followed(bus, redis_cluster, channel):
    listener = bus.messages()
    await anext(listener)
    slot = redis_cluster.slot(channel)
    source = redis_cluster.owner(slot)
    target = (source + 1) % 3
    await asyncio.to_thread(redis_cluster.reshard, [slot], target)
    with pytest.raises(BackendDown):
        await asyncio.wait_for(anext(listener), 1)
    await listen_until_heard(bus, b"there")
    await asyncio.to_thread(redis_cluster.reshard, [slot], source)
    await listen_until_heard(bus, b"back")


async def listen_until_heard(bus, message):
    async with asyncio.timeout(5):
        while True:
            try:
                listener = bus.messages()
                await anext(listener)
                await bus.publish(message)
                assert await anext(listener) == message
            except BackendDown:
                await asyncio.sleep(0.02)
            else:
                await listener.aclose()
                return


async def test_closing_ends_the_listening(bus):
    listener = bus.messages()
    await anext(listener)
    hearing = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(BackendDown):
        await asyncio.wait_for(hearing, 1)


async def test_nobody_waits_for_a_redis_that_is_not_there(channel):
    bus = RedisBus(Redis([("127.0.0.1", free_ports(1)[0])]), channel)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(BackendDown):
        await bus.publish(b"")
    with pytest.raises(BackendDown):
        await anext(bus.messages())
    assert loop.time() - began < 0.2
    await bus.close()
