"""The load: the same for the same seed, and honest about what came of it."""

import asyncio
from dataclasses import replace

from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.traffic import Mix, Traffic
from tests.servers import free_ports
from tests.unit.lab.chaos.test_client import serving

MIX = Mix(rate=500, attempts=1, patience=0)
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
MADE = b'HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n{"_id": "p"}'


async def flow(address: str, seed: int, mix: Mix, count: int = 30) -> Traffic:
    traffic = Traffic(Client([address], "any"), mix, seed, products=[f"p{n}" for n in range(9)])
    async with asyncio.timeout(20), traffic.flowing():
        while len(traffic.samples) < count:
            await asyncio.sleep(0.005)
    await traffic.client.close()
    return traffic


def kinds(traffic: Traffic) -> list[str]:
    return [one.kind for one in sorted(traffic.samples, key=lambda one: one.due)][:30]


async def test_the_same_seed_sends_the_same_and_another_does_not():
    dead = f"127.0.0.1:{free_ports(1)[0]}"
    first, second, other = [kinds(await flow(dead, seed, MIX)) for seed in (1, 1, 2)]
    assert first == second != other


async def test_without_an_answer_nothing_is_promised():
    traffic = await flow(f"127.0.0.1:{free_ports(1)[0]}", 1, MIX)
    assert {one.status for one in traffic.samples} == {0}
    assert not traffic.history.created and traffic.history.tried
    assert sum(traffic.history.unsure.values()) and not traffic.history.changed


async def test_a_write_is_sent_again_with_its_key_until_it_is_answered_for_good():
    async with serving(BUSY) as (server, address):
        creates = Mix(rate=20, reads=0, lists=0, creates=1, changes=0, attempts=3, patience=5)
        traffic = await flow(address, 1, creates, count=1)
        assert traffic.samples[0].attempts == 3 and traffic.samples[0].status == 503
        assert server.asked.count(b"Idempotency-Key: s1-0\r\n") == 3
        server.answer = MADE
        assert (await flow(address, 7, replace(creates, attempts=1), count=1)).history.created["s7-0"] == "p"


async def test_errors_that_are_told_badly_are_noted():
    async with serving(BUSY) as (_, address):
        traffic = await flow(address, 1, Mix(rate=50, reads=1, lists=0, creates=0, changes=0), count=1)
    assert traffic.samples[0].faults == ("503 without Retry-After", "503 that is no problem+json")
