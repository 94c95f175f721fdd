"""One proxied connection: the client's side, the server's side, and the toxics that have hold of it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import cast

from gigaday.lab.lane import Ending, Lane
from gigaday.lab.toxics import Budget, Dose, Infection, Toxic

_FIRST_BYTES = 1024
_NO_LINGER = struct.pack("ii", 1, 0)

Course = tuple[Toxic, Budget]
"""A toxic with what it may still do over all connections."""


class Link:
    """Made when a client connects; `over` hears when both sides are gone."""

    def __init__(
        self,
        upstream: tuple[str, int],
        courses: Sequence[Course],
        over: Callable[["Link"], None],
        random: Random,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._upstream, self._over, self._random, self._loop = upstream, over, random, loop
        self._first = b""
        self._early: list[bytes | None] = []
        self._undecided: list[Course] = list(courses)
        self._up: list[Infection] = []
        self._down: list[Infection] = []
        self._endings: dict[str, asyncio.TimerHandle] = {}
        self.client, self.server = _Side(self._from_client, self._lost), _Side(self._from_server, self._lost)
        self._lanes: dict[_Side, Lane] = {}
        self._connecting: asyncio.Task[None] | None = None
        self._is_over = False
        self._ends = 0

    def begin(self) -> None:
        """Connects to the server; what the client sends meanwhile waits here."""
        self._connecting = self._loop.create_task(self._connect())

    def infect(self, course: Course) -> None:
        """Puts a toxic on the connection, if it is to have it."""
        self._undecided.append(course)
        self._decide()

    def cure(self, name: str) -> None:
        """Takes a toxic off. A connection that it kept silent is cut: what was swallowed is missing from the stream."""
        self._undecided = [course for course in self._undecided if course[0].name != name]
        silenced = any(i.toxic.name == name and i.toxic.type in ("timeout", "reset_peer") for i in self._infections())
        self._up = [infection for infection in self._up if infection.toxic.name != name]
        self._down = [infection for infection in self._down if infection.toxic.name != name]
        if timer := self._endings.pop(name, None):
            timer.cancel()
        if silenced:
            self.end("close")

    def end(self, how: Ending) -> None:
        """Closes both sides, after what was written to them, or resets them at once."""
        for lane in self._lanes.values():
            lane.stop()
        for side in (self.client, self.server):
            if how == "reset":
                side.reset()
            else:
                side.close()

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: self.server, *self._upstream)
        except OSError:
            self.end("reset")
            return
        if self._is_over:
            self.server.reset()
            return
        up = Lane(self.client.transport, self.server.transport, self._ended(self.server), self._random, self._loop)
        down = Lane(self.server.transport, self.client.transport, self._ended(self.client), self._random, self._loop)
        self._lanes = {self.client: up, self.server: down}
        self.client.drained, self.server.drained = down.stall, up.stall
        self._decide()
        early, self._early = self._early, []
        for data in early:
            self._from_client(data)
        if not self.client.transport.is_closing():
            self.client.transport.resume_reading()

    def _ended(self, target: "_Side") -> Callable[[Ending], None]:
        def ended(how: Ending) -> None:
            if how == "eof":
                target.write_eof()
                self._ends += 1
            # Each direction has ended by itself: nobody else would close the sockets.
            if how != "eof" or self._ends == len(self._lanes):
                self.end("reset" if how == "reset" else "close")

        return ended

    def _from_client(self, data: bytes | None) -> None:
        if not self._lanes:
            # Not in `begin`: uvloop starts to read after a connection has been announced.
            self.client.transport.pause_reading()
            self._early.append(data)
            return
        if data and len(self._first) < _FIRST_BYTES:
            self._first += data[: _FIRST_BYTES - len(self._first)]
            self._decide()
        self._pass(self.client, data, self._up)
        if data:
            for infection in self._down:
                infection.overhear(data)

    def _from_server(self, data: bytes | None) -> None:
        self._pass(self.server, data, self._down)

    def _pass(self, side: "_Side", data: bytes | None, infections: list[Infection]) -> None:
        lane = self._lanes[side]
        if data is None:
            lane.finish(infections)
        else:
            lane.feed(data, infections)

    def _decide(self) -> None:
        """Lets every toxic take hold that can tell by now whether it may."""
        waiting: list[Course] = []
        for toxic, budget in self._undecided:
            if toxic.spares and not self._first:
                waiting.append((toxic, budget))
            elif not self._is_spared(toxic) and self._random.random() < toxic.toxicity:
                self._take(Infection(toxic, Dose(budget)))
        self._undecided = waiting

    def _is_spared(self, toxic: Toxic) -> bool:
        return any(text.encode() in self._first for text in toxic.spares)

    def _take(self, infection: Infection) -> None:
        (self._up if infection.toxic.stream == "upstream" else self._down).append(infection)
        if infection.ending is not None:
            seconds, how = infection.ending
            self._endings[infection.toxic.name] = self._loop.call_later(seconds, self.end, how)

    def _infections(self) -> list[Infection]:
        return [*self._up, *self._down]

    def _lost(self, side: "_Side") -> None:
        other = self.server if side is self.client else self.client
        if other.lost or not other.connected:
            self._finish()
            return
        # With an error nothing more will come of it; without, the end of the stream has gone ahead.
        other.reset() if side.failed else other.close()

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        for lane in self._lanes.values():
            lane.stop()
        for timer in self._endings.values():
            timer.cancel()
        self._over(self)


class _Side(asyncio.Protocol):
    """One socket. `heard` gets what comes, None at the end of the stream."""

    def __init__(self, heard: Callable[[bytes | None], None], gone: Callable[["_Side"], None]) -> None:
        self._heard, self._gone = heard, gone
        self.transport: asyncio.Transport
        self.connected = self.lost = self.failed = False
        self.drained: Callable[[bool], None] = lambda full: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connected = True

    def data_received(self, data: bytes) -> None:
        self._heard(data)

    def eof_received(self) -> bool:
        self._heard(None)
        return True

    def pause_writing(self) -> None:
        self.drained(True)

    def resume_writing(self) -> None:
        self.drained(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost, self.failed = True, exc is not None
        self._gone(self)

    def write_eof(self) -> None:
        if self.connected and not self.lost and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        if self.connected and not self.lost:
            self.transport.close()

    def reset(self) -> None:
        """Ends it with RST."""
        if self.connected and not self.lost:
            raw = cast(socket.socket, self.transport.get_extra_info("socket"))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()
