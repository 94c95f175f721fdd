import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gigaday.contracts import ImageSpec
from gigaday.errors import Unavailable
from gigaday.imaging.frames import Refused, Render, Rendered, Reply
from gigaday.imaging.pool import Pool
from gigaday.rules.image_spec import canonical
from tests import pictures
from tests.unit.imaging.pipes import Pipe, renderers

SPEC = canonical(ImageSpec(width=10, format="webp"))


class Pooled:
    """A pool, a picture, and a pipe that a process is held by."""

    def __init__(self, folder: Path, pipe: Pipe) -> None:
        self.picture, self.pipe = folder / "a", pipe
        self.picture.write_bytes(pictures.png(pictures.plain(20, 20)))
        self.pools: list[Pool] = []

    def pool(self, **options: Any) -> Pool:
        self.pools.append(Pool(**options))
        return self.pools[-1]

    def job(self) -> Render:
        return Render(str(self.picture), SPEC)

    async def busy(self, pool: Pool) -> "asyncio.Task[tuple[Reply, bytes]]":
        """A job that goes on until the pipe is ended."""
        task = asyncio.create_task(pool.run(Render(str(self.pipe.path), SPEC)))
        await self.pipe.read()
        return task


@pytest.fixture
async def place(tmp_path):
    with Pipe(tmp_path) as pipe:
        place = Pooled(tmp_path, pipe)
        yield place
    for pool in place.pools:
        await pool.close()


async def test_nothing_is_started_before_it_is_needed_and_then_it_stays(place):
    pool = place.pool()
    assert pool.started == 0
    for _ in range(3):
        assert (await pool.run(place.job()))[0] == Rendered("webp")
    assert pool.started == 1


async def test_a_process_is_replaced_when_it_has_done_its_share(place):
    pool = place.pool(reuse=2)
    for _ in range(5):
        await pool.run(place.job())
    assert pool.started == 3


async def test_no_process_goes_on_after_what_it_had_to_refuse(place):
    pool = place.pool()
    place.picture.write_bytes(b"x")
    assert isinstance((await pool.run(place.job()))[0], Refused)
    place.picture.write_bytes(pictures.png(pictures.plain(20, 20)))
    assert (await pool.run(place.job()))[0] == Rendered("webp")
    assert pool.started == 2


async def test_a_kill_midway_costs_nothing_but_a_second_try(place):
    pool = place.pool()
    work = await place.busy(pool)
    [pid] = renderers()
    os.kill(pid, signal.SIGKILL)
    place.pipe.close()
    await place.pipe.end(work)
    assert isinstance((await work)[0], Refused)  # by the second process, to which the pipe was empty
    assert pool.started == 2
    assert (await pool.run(place.job()))[0] == Rendered("webp")


async def test_what_takes_too_long_twice_is_given_up_and_the_next_is_served(place):
    pool = place.pool(seconds=2.0)
    with pytest.raises(Unavailable) as refused:
        await (await place.busy(pool))
    assert (refused.value.headers["Retry-After"], pool.started) == ("2", 2)
    assert (await pool.run(place.job()))[0] == Rendered("webp")


async def test_more_than_can_wait_are_sent_away_at_once(place):
    pool = place.pool(waiting=2)
    busy = await place.busy(pool)
    waiting = [asyncio.create_task(pool.run(place.job())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Too many"):
        await pool.run(place.job())
    await place.pipe.end(busy)
    assert [(await one)[0] for one in waiting] == [Rendered("webp")] * 2


async def test_nobody_waits_for_ever(place):
    pool = place.pool(patience=0.1)
    busy = await place.busy(pool)
    with pytest.raises(Unavailable):
        await pool.run(place.job())
    await place.pipe.end(busy)
    assert (await pool.run(place.job()))[0] == Rendered("webp")


async def test_a_caller_that_leaves_frees_its_process(place):
    pool = place.pool()
    leaving = await place.busy(pool)
    [pid] = renderers()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert pid not in renderers()
    assert (await pool.run(place.job()))[0] == Rendered("webp")


async def test_several_work_at_once(place):
    pool = place.pool(workers=2)
    busy = await place.busy(pool)
    assert (await pool.run(place.job()))[0] == Rendered("webp")
    await place.pipe.end(busy)
    assert pool.started == 2


async def test_closed_it_leaves_no_process_behind(place):
    pool = place.pool()
    await pool.run(place.job())
    assert len(renderers()) == 1
    await pool.close()
    assert renderers() == []
