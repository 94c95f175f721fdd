"""Requests that come when they come, whether or not earlier ones are answered: a spike, as no closed loop makes it.

Runs in a process of its own, beside the server under test.
"""

import asyncio
import multiprocessing
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, cast

import uvloop

_TICK = 0.001
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")
_LAST_ANSWERS = 2.0


class Phase(NamedTuple):
    """`rate` requests a second for `seconds`; a rate of 0 asks for as much as `connections` bring, in a closed loop."""

    rate: float
    seconds: float
    connections: int = 1_000


@dataclass
class Second:
    """What became of the requests that were due in one second: answers by status, and the seconds each took from when
    it was due. `unsent` found no connection free until the end."""

    due: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    took: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0


def drive(port: int, headers: Sequence[str], path: str, phases: Sequence[Phase]) -> list[list[Second]]:
    """The seconds of each phase. Of `headers` each request takes the next; `path` is followed by an ever new number."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_drive, port, list(headers), path, list(phases)).result()


def _drive(port: int, headers: list[str], path: str, phases: list[Phase]) -> list[list[Second]]:
    load = _Load(port, headers, path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = [runner.run(load.phase(phase)) for phase in phases]
        runner.run(load.settle())
        return found


class _Load:
    def __init__(self, port: int, headers: list[str], path: str) -> None:
        self._port, self._path = port, path
        self._ends = [f" HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode() for header in headers]
        self._numbers = count()
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[float, Second]] = deque()
        self._connected = 0
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed_loop = False
        self._began = 0.0
        self._seconds: list[Second] = []

    async def phase(self, phase: Phase) -> list[Second]:
        while self._connected < phase.connections:
            self._idle.append(await self._connect())
        self._seconds = [Second() for _ in range(int(phase.seconds))]
        self._began = time.monotonic()
        self._closed_loop = phase.rate == 0
        if self._closed_loop:
            for _ in range(phase.connections):
                self._ask(time.monotonic())
            await asyncio.sleep(phase.seconds)
            self._closed_loop = False
        else:
            await self._keep_to(phase)
        for _, second in self._waiting:
            second.unsent += 1
        self._waiting.clear()
        return self._seconds

    async def settle(self) -> None:
        """Gives the last requests time to be answered."""
        await asyncio.sleep(_LAST_ANSWERS)

    async def _keep_to(self, phase: Phase) -> None:
        asked = 0
        while (now := time.monotonic()) < self._began + phase.seconds:
            while asked < (now - self._began) * phase.rate:
                self._ask(self._began + asked / phase.rate)
                asked += 1
            await asyncio.sleep(_TICK)

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._answered, self._lost), "127.0.0.1", self._port
        )
        self._connected += 1
        return connection

    def _lost(self, connection: "_Connection") -> None:
        """The server closes what is idle for long; another takes its place."""
        self._connected -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        task = asyncio.get_running_loop().create_task(self._replace())
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replace(self) -> None:
        self._answered(await self._connect())

    def _ask(self, due: float) -> None:
        second = self._seconds[min(len(self._seconds) - 1, int(due - self._began))]
        second.due += 1
        if self._idle:  # the one that was last used, so that the server has others to close as idle
            self._send(self._idle.pop(), due, second)
        else:
            self._waiting.append((due, second))

    def _send(self, connection: "_Connection", due: float, second: Second) -> None:
        number = next(self._numbers)
        connection.ask(f"GET {self._path}{number}".encode() + self._ends[number % len(self._ends)], due, second)

    def _answered(self, connection: "_Connection") -> None:
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
            return
        self._idle.append(connection)
        if self._closed_loop:
            self._ask(time.monotonic())


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, answered: Callable[["_Connection"], None], lost: Callable[["_Connection"], None]) -> None:
        self._answered, self._lost = answered, lost
        self._got = b""
        self._due, self._second = 0.0, Second()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes, due: float, second: Second) -> None:
        self._due, self._second, self._got = due, second, b""
        if self._transport.is_closing():
            return  # unanswered; `connection_lost` follows
        self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, _, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if length is None or len(body) < int(length[1]):
            return
        status = int(head[9:12])
        self._second.statuses[status] += 1
        self._second.took.setdefault(status, []).append(time.monotonic() - self._due)
        self._answered(self)
