"""An event loop whose time is simulated: it jumps to the next timer, so that hours pass in milliseconds.

It has what coroutines need of a loop and nothing of the world outside, which is most of what a real one costs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")
Callback = Callable[..., object]


class Call:
    """What `asyncio.Handle` and `TimerHandle` are to a real loop."""

    __slots__ = ("args", "callback", "context", "due")

    def __init__(self, callback: Callback, args: tuple[Any, ...], context: Context | None, due: float) -> None:
        self.callback: Callback | None = callback
        self.args, self.context, self.due = args, context or copy_context(), due

    def cancel(self) -> None:
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self.due


class VirtualLoop(asyncio.AbstractEventLoop):
    """Starts at second 0; no I/O, no threads. Of what is due at one moment, what was asked for first comes first."""

    def __init__(self) -> None:
        self._now, self._asked = 0.0, 0
        self._ready: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._unhandled: list[BaseException] = []

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callback, *args: Any, context: Context | None = None) -> Any:
        self._ready.append(call := Call(callback, args, context, self._now))
        return call

    def call_at(self, when: float, callback: Callback, *args: Any, context: Context | None = None) -> Any:
        call = Call(callback, args, context, when)
        self._asked += 1
        heappush(self._timers, (when, self._asked, call))
        return call

    def call_later(self, delay: float, callback: Callback, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody handled fails the simulation."""
        self._unhandled.append(context.get("exception") or RuntimeError(context["message"]))

    def run_until_complete(self, future: Any) -> Any:
        asyncio._set_running_loop(self)
        try:
            task = asyncio.ensure_future(future, loop=self)
            ready, done = self._ready, task.done
            while not done():
                if not ready:
                    self._jump()
                call = ready.popleft()
                if (callback := call.callback) is not None:
                    call.context.run(callback, *call.args)
        finally:
            asyncio._set_running_loop(None)
        if self._unhandled:
            raise self._unhandled[0]
        return task.result()

    def _jump(self) -> None:
        timers = self._timers
        while timers:
            due, _, call = heappop(timers)
            if call.callback is None:
                continue
            self._now = max(self._now, due)
            self._ready.append(call)
            while timers and timers[0][0] <= self._now:
                self._ready.append(heappop(timers)[2])
            return
        raise RuntimeError("everybody waits, and nothing will happen")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` to its end in simulated time; tasks that it leaves are cancelled."""
    loop = VirtualLoop()
    try:
        result: T = loop.run_until_complete(main)
        return result
    finally:
        if left := asyncio.all_tasks(loop):
            loop.run_until_complete(_end(left))


async def _end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
