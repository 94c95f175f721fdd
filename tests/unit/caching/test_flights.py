"""Tests of `caching.flights`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gigaday.caching.flights import Flight, Flights
from gigaday.errors import BackendDown
from gigaday.model.request import CURRENT, RequestState


class Loads:
    """Loads that end when told."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.ended = 0

    async def __call__(self, flight: Flight[str]) -> str:
        await self.gate.wait()
        self.ended += 1
        if self.error:
            raise self.error
        return flight.key


async def test_who_comes_while_a_key_is_loaded_joins() -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    assert flights.joinable("k") is flight
    load.gate.set()
    assert await asyncio.gather(flight.landed(), flight.landed()) == ["k", "k"]
    assert flights.joinable("k") is None


async def test_a_waiter_that_is_cancelled_takes_nobody_with_it() -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    leaver, stayer = asyncio.create_task(flight.landed()), asyncio.create_task(flight.landed())
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    load.gate.set()
    assert await stayer == "k"
    assert leaver.cancelled() and load.ended == 1


@pytest.mark.parametrize("tag", ["t", "*"])
async def test_nobody_joins_a_load_that_an_invalidation_overtook(tag: str) -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    flights.taint(["other"])
    assert flights.joinable("k") is flight
    flights.taint([tag])
    assert flight.tainted and flights.tainted == 1 and flights.joinable("k") is None
    second = flights.start("k", ["t"], 0.0, load)
    load.gate.set()
    assert await flight.landed() == await second.landed() == "k"
    assert not second.tainted


async def test_a_load_that_flies_alone_is_joined_by_nobody_but_tainted_like_any() -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load, alone=True)
    assert flights.joinable("k") is None
    flights.taint_all()
    assert flight.tainted
    await flights.close()


async def test_an_error_reaches_every_waiter_and_the_next_load_starts_anew() -> None:
    flights, load = Flights[str](), Loads()
    load.error = BackendDown("no")
    load.gate.set()
    flight = flights.start("k", ["t"], 0.0, load)
    results = await asyncio.gather(flight.landed(), flight.landed(), return_exceptions=True)
    assert [type(result) for result in results] == [BackendDown, BackendDown]
    assert flights.joinable("k") is None


async def test_close_ends_what_goes_on() -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    await flights.close()
    assert flight.task.cancelled() and load.ended == 0


async def test_who_waits_for_a_load_that_is_ended_is_told_that_nothing_can_be_had() -> None:
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    waiter, quitter = asyncio.create_task(flight.landed()), asyncio.create_task(flight.landed())
    await asyncio.sleep(0)
    quitter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quitter
    await flights.close()
    with pytest.raises(BackendDown):
        await waiter


async def test_a_load_is_the_work_of_one_of_those_who_wait() -> None:
    idle = 0

    @contextmanager
    def idling() -> Iterator[None]:
        nonlocal idle
        idle += 1
        try:
            yield
        finally:
            idle -= 1

    CURRENT.set(RequestState("r", 0.0, idle=idling))
    flights, load = Flights[str](), Loads()
    flight = flights.start("k", ["t"], 0.0, load)
    waiting = [asyncio.create_task(flight.landed()) for _ in range(3)]
    await asyncio.sleep(0)
    assert idle == 2
    load.gate.set()
    await asyncio.gather(*waiting)
    assert idle == 0
