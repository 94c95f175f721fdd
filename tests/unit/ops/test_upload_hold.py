import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from gigaday.contracts import Insert
from gigaday.errors import BackendDown, Locked
from gigaday.model.upload import UPLOADS
from gigaday.ops.upload_hold import HELD_SECONDS, held

RECORD = {"_id": "a", "createdBy": "acme", "version": 1, "offset": 0, "holder": None, "heldUntil": None}


class Lossy:
    """A store that loses the answers of writes while `losing`."""

    def __init__(self, store):
        self._store, self.losing = store, False

    async def write(self, *asked):
        outcome = await self._store.write(*asked)
        if self.losing:
            raise BackendDown("the answer was lost")
        return outcome

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
async def record(store):
    await store.write(UPLOADS, "acme", [Insert(RECORD)])

    async def read():
        return await store.get(UPLOADS, "acme", "a")

    return read


async def test_a_second_one_is_refused_until_the_first_lets_go(store, clock, record):
    async with held(store, clock, await record()) as hold:
        with pytest.raises(Locked):
            async with held(store, clock, await record()):
                pass
        await hold.update(offset=7)
    assert (await record())["offset"] == 7
    async with held(store, clock, await record()):
        pass


async def test_of_two_that_come_at_once_one_gets_it(store, clock, record):
    document = await record()
    async with held(store, clock, document):
        with pytest.raises(Locked):
            async with held(store, clock, document):
                pass


async def test_one_that_died_lets_go_by_itself(store, clock, record):
    async with AsyncExitStack() as never_left:
        first = await never_left.enter_async_context(held(store, clock, await record()))
        clock.time += HELD_SECONDS + 1
        async with held(store, clock, await record()) as second:
            with pytest.raises(Locked):
                first.check()
            with pytest.raises(Locked):
                await first.update(offset=1)
            await second.update(offset=2)
    assert (await record())["offset"] == 2


async def test_it_takes_itself_for_lapsed_before_others_do(store, clock, record):
    async with held(store, clock, await record()) as hold:
        clock.time += HELD_SECONDS - 1
        with pytest.raises(Locked):
            hold.check()
        with pytest.raises(Locked):
            async with held(store, clock, await record()):
                pass


async def test_it_is_renewed_while_it_lasts(store, clock, record):
    async with held(store, clock, await record(), renewal=0.001) as hold:
        clock.time += HELD_SECONDS - 1
        deadline = time.monotonic() + 5
        before = hold.document["version"]
        while hold.document["version"] == before and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
        clock.time += 2
        hold.check()


async def test_a_write_whose_answer_was_lost_is_known_for_its_own(store, clock, record):
    lossy = Lossy(store)
    async with held(lossy, clock, await record()) as hold:
        lossy.losing = True
        with pytest.raises(BackendDown):
            await hold.update(offset=3)
        lossy.losing = False
        await hold.update(offset=4)
    assert (await record())["offset"] == 4
    assert (await record())["holder"] is None


async def test_what_is_forgotten_is_not_written_again(store, clock, record):
    async with held(store, clock, await record()) as hold:
        assert await hold.forget()
        assert not await hold.forget()
    assert await record() is None
