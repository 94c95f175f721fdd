import asyncio
from typing import NoReturn

import pytest

from gigaday.errors import BackendDown
from gigaday.imaging.flights import Flights


class Made:
    def __init__(self) -> None:
        self.count, self.go = 0, asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        await self.go.wait()
        return self.count


async def test_who_asks_meanwhile_waits_for_the_same():
    flights, made = Flights[int](), Made()
    waiting = [asyncio.create_task(flights.join("a", made)) for _ in range(20)]
    other = asyncio.create_task(flights.join("b", made))
    await asyncio.sleep(0)
    made.go.set()
    assert set(await asyncio.gather(*waiting)) <= {1, 2} and len(set(await asyncio.gather(*waiting))) == 1
    await other
    assert made.count == 2
    assert await flights.join("a", made) == 3


async def test_a_waiter_that_leaves_takes_nothing_from_the_others():
    flights, made = Flights[int](), Made()
    first, second = (asyncio.create_task(flights.join("a", made)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    made.go.set()
    assert await second == 1


async def test_all_learn_of_a_failure_and_the_next_tries_again():
    flights = Flights[int]()

    async def fail() -> NoReturn:
        await asyncio.sleep(0)
        raise BackendDown("store")

    found = await asyncio.gather(*(flights.join("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [BackendDown] * 3
    made = Made()
    made.go.set()
    assert await flights.join("a", made) == 1


async def test_closing_ends_what_flies():
    flights, made = Flights[int](), Made()
    waiting = asyncio.create_task(flights.join("a", made))
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
