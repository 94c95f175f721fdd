"""Answers what needs no waiting without a task: making one for each request costs 7 % of the least that it can take.

The server has the loop run one coroutine for each request. `begin_at_once` has the loop take its first step right
there; what ends by it needs no task. What does not becomes one, from where `Stage` has it wait for a turn.
"""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any

from gigaday.edge.asgi import App, Receive, Scope, Send

_REQUESTS = "future_watcher"
"""The name of the server's coroutine for a request. Were it another, all requests would have tasks, as by default."""


class Stage:
    """Passes on in a later turn of the loop, in a task of the request's own: what lies below may ask for it."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        await self.app(scope, receive, send)


def begin_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Has `loop` begin requests before it makes a task for them."""
    loop.set_task_factory(_task)


def _task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> Any:
    if getattr(work, "__name__", "") != _REQUESTS:
        return asyncio.Task(work, loop=loop, **more)
    try:
        awaited = work.send(None)
    except StopIteration:
        return None
    return asyncio.Task(_finish(work, awaited), loop=loop, **more)


async def _finish(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _rest(work, awaited)


@coroutine
def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """What is left of `work`, which waits for `awaited`."""
    while True:
        try:
            told = yield awaited
        except BaseException as error:  # noqa: BLE001 - it is the work's: a cancellation, or a failure of what it waits for
            step = partial(work.throw, error)
        else:
            step = partial(work.send, told)
        try:
            awaited = step()
        except StopIteration:
            return
