"""Requests are begun before there is a task for them; everything else is as ever."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from gigaday.edge import eager


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    eager.begin_at_once(made)
    yield made
    made.close()


def request(loop: asyncio.AbstractEventLoop, app: Callable[[], Awaitable[None]]) -> Any:
    """Begins `app` as the server does."""

    async def future_watcher() -> None:
        await app()

    return loop.create_task(future_watcher())


def test_what_waits_for_nothing_is_answered_at_once(loop: asyncio.AbstractEventLoop) -> None:
    answered = []

    async def app() -> None:
        answered.append(1)

    async def story() -> None:
        request(loop, app)
        assert answered == [1], "before the loop turned"

    loop.run_until_complete(story())


def test_behind_the_stage_a_request_has_a_task_of_its_own(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[Any] = []

    async def below(*asked: Any) -> None:
        async with asyncio.timeout(5):
            seen.append(asyncio.current_task())
            await asyncio.sleep(0.001)
            seen.append(asyncio.current_task())

    async def story() -> None:
        task = request(loop, lambda: eager.Stage(below)({}, None, None))  # type: ignore[arg-type]  # never called
        assert not seen
        await task
        assert seen == [task, task]

    loop.run_until_complete(story())


def test_what_it_waits_for_may_fail_and_it_may_be_cancelled(loop: asyncio.AbstractEventLoop) -> None:
    ends: list[str] = []

    async def failing() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            ends.append("timed out")

    async def cancelled() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def turned(app: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(0)
        await app()

    async def story() -> None:
        await request(loop, lambda: turned(failing))
        task = request(loop, lambda: turned(cancelled))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run_until_complete(story())
    assert ends == ["timed out", "cancelled"]


def test_other_work_begins_in_the_loop_s_next_turn(loop: asyncio.AbstractEventLoop) -> None:
    begun = []

    async def work() -> None:
        begun.append(1)

    async def story() -> None:
        task = loop.create_task(work())
        assert not begun
        await task
        assert begun

    loop.run_until_complete(story())
