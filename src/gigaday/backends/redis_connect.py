"""Asking a Redis Cluster: each question goes to the member that serves its key, and none waits beyond its budget.

A dead member makes only the calls fail that it would serve, and those at once. Members are asked where the slots are
whenever one was lost or says that a slot has moved, until all is well again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from gigaday.backends.redis_lane import Access, Address, Lane, ReplyError, Word
from gigaday.backends.redis_slots import SLOTS, View, alone, newest, parse, slot_of
from gigaday.errors import BackendDown

Question = tuple[str, tuple[Word, ...]]
"""A key and the command that it is part of."""

BUDGET = 0.05
"""Seconds that a call may take."""
_REDIRECTS = 5
_ROUND_SECONDS = 0.1
_CHECK_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 0.003


def addresses(text: str) -> list[Address]:
    """`host:port` pairs, separated by commas, a scheme before each allowed. Raises ValueError."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        host, _, port = part.partition("://")[2 if "://" in part else 0].rstrip("/").rpartition(":")
        found.append((host.strip("[]"), int(port)))
    return found


class Redis:
    """The client of one cluster (or of one Redis alone); it connects when first asked."""

    def __init__(self, seeds: Sequence[Address], access: Access | None = None, *, budget: float = BUDGET) -> None:
        self.budget, self.access = budget, access or Access()
        self._loop = asyncio.get_running_loop()
        self._seeds = tuple(seeds)
        self._lanes: dict[Address, Lane] = {}
        self._slots: list[Lane | None] = [None] * SLOTS
        self._view: View | None = None
        self._watchers: list[Callable[[], None]] = []
        self._trouble, self._round_over = asyncio.Event(), asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._closed = False

    def watch(self, changed: Callable[[], None]) -> None:
        """Has `changed` called once members that were lost, or slots that moved, are found again: what was acknowledged
        shortly before may be gone."""
        self._watchers.append(changed)

    async def ask(self, key: str, *words: Word) -> Any:
        """The reply to a command on `key`, which is among `words`. Raises BackendDown within the budget, and ReplyError
        for what Redis refuses."""
        deadline = self._loop.time() + self.budget
        slot = slot_of(key)
        lane = self._slots[slot] or await self._found(slot)
        return await self._follow(lane.ask(words, deadline), lane, slot, words, deadline)

    async def ask_all(self, questions: Sequence[Question]) -> list[Any]:
        """The reply to each (key, words), all asked at once. Raises as `ask` does once one has failed; the others have
        been asked nevertheless."""
        deadline = self._loop.time() + self.budget
        if self._view is None:
            await self._found(slot_of(questions[0][0]))
        begun = [self._begin(slot_of(key), words, deadline) for key, words in questions]
        try:
            return [await answer for answer in begun]
        finally:
            for answer in begun:
                answer.close()

    async def ping(self) -> None:
        """Asks every member that serves keys. Raises BackendDown where one does not answer."""
        await self._found(0)
        deadline = self._loop.time() + self.budget
        owners = {lane for lane in self._slots if lane is not None}
        if None in self._slots:
            raise BackendDown("redis: some keys are served by no member")
        try:
            for answer in [lane.ask(("PING",), deadline) for lane in owners]:
                await answer
        except ReplyError as error:
            raise BackendDown(f"redis: {error}") from error

    def doubt(self) -> None:
        """Has the members asked again where the slots are."""
        self._trouble.set()

    async def locate(self, key: str) -> Address:
        """The member that serves `key`. Raises BackendDown."""
        return (await self._found(slot_of(key))).address

    async def close(self) -> None:
        """Releases connections; may be called again."""
        self._closed, self._view, self._slots = True, None, [None] * SLOTS
        if self._tending is not None:
            self._tending.cancel()
            with suppress(asyncio.CancelledError):
                await self._tending
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def _begin(self, slot: int, words: tuple[Word, ...], deadline: float) -> Coroutine[Any, Any, Any]:
        """Asks at once; what is returned only waits."""
        lane = self._slots[slot]
        try:
            if lane is None:
                raise BackendDown("redis: no member serves the key")
            answer = lane.ask(words, deadline)
        except BackendDown as error:
            return _raise(error)
        _forget(answer)
        return self._follow(answer, lane, slot, words, deadline)

    async def _follow(
        self, answer: asyncio.Future[Any], lane: Lane, slot: int, words: tuple[Word, ...], deadline: float
    ) -> Any:
        """The answer, of whichever member it takes."""
        for _ in range(_REDIRECTS):
            try:
                return await answer
            except ReplyError as error:
                lane = await self._redirected(error, lane, slot)
                if error.kind == "ASK":
                    # Nothing can come between the two: they are put into one write.
                    _forget(lane.ask(("ASKING",), deadline))
                answer = lane.ask(words, deadline)
        _forget(answer)
        raise BackendDown("redis: no member serves the key")

    async def _redirected(self, error: ReplyError, lane: Lane, slot: int) -> Lane:
        if error.kind == "MOVED":
            lane = self._slots[slot] = self._lane(_target(error, lane))
            self._trouble.set()
        elif error.kind == "ASK":
            lane = self._lane(_target(error, lane))
        elif error.kind == "TRYAGAIN":
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
        elif error.kind in {"CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"}:
            self._trouble.set()
            raise BackendDown(f"redis: {error}") from error
        else:
            raise error
        return lane

    async def _found(self, slot: int) -> Lane:
        """The lane of a slot whose member is not known yet: waits for the first round of questions, no longer."""
        if self._closed:
            raise BackendDown("redis: closed")
        if self._tending is None:
            self._trouble.set()
            self._tending = asyncio.create_task(self._tend())
        if self._view is None and not self._round_over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._round_over.wait(), self.budget)
        lane = self._slots[slot]
        if lane is None:
            raise BackendDown("redis: no member serves the key")
        return lane

    async def _tend(self) -> None:
        """Keeps the map of slots true, for as long as the client lives."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._trouble.wait(), _CHECK_SECONDS)
            if self._trouble.is_set():
                await self._mend()
            self._check()

    async def _mend(self) -> None:
        while self._trouble.is_set():
            self._trouble.clear()
            before = self._view
            await self._learn()
            well = self._well()
            if well or self._view != before:
                for changed in self._watchers:
                    changed()
            if not well:
                await asyncio.sleep(_ROUND_SECONDS)
                self._trouble.set()

    async def _learn(self) -> None:
        """Asks every member known where the slots are, and goes by the newest view that comes back soon."""
        known = self._view.members if self._view else frozenset()
        asked = [asyncio.create_task(self._view_of(address)) for address in known.union(self._seeds)]
        done, late = await asyncio.wait(asked, timeout=2 * _ROUND_SECONDS)
        for task in late:
            task.cancel()
        view = newest(view for task in done if (view := task.result()) is not None)
        if view is not None and (self._view is None or view.epoch >= self._view.epoch or not self._well()):
            self._apply(view)
        self._round_over.set()

    async def _view_of(self, address: Address) -> View | None:
        try:
            deadline = self._loop.time() + _ROUND_SECONDS
            nodes = await self._lane(address).ask(("CLUSTER", "NODES"), deadline)
        except ReplyError as error:
            return alone(address) if "cluster support disabled" in str(error) else None
        except BackendDown:
            return None
        with suppress(ValueError):
            return parse(nodes.decode(), address)
        return None

    def _apply(self, view: View) -> None:
        slots: list[Lane | None] = [None] * SLOTS
        for first, last, address in view.ranges:
            slots[first : last + 1] = [self._lane(address)] * (last - first + 1)
        self._slots, self._view = slots, view
        for address in set(self._lanes) - view.members - set(self._seeds):
            self._lanes.pop(address).close()

    def _well(self) -> bool:
        """Whether every slot is served by a member that is there; begins to connect to those that are not."""
        if self._view is None or not self._view.covers_all():
            return False
        owners = {address for _, _, address in self._view.ranges}
        for address in owners:
            with suppress(BackendDown):
                self._lane(address).connect()
        return all(self._lane(address).open for address in owners)

    def _check(self) -> None:
        """Asks every primary for a sign of life, so that one that froze is noticed though nobody asks it anything."""
        deadline = self._loop.time() + self.budget
        for address in {address for _, _, address in self._view.ranges} if self._view else ():
            with suppress(BackendDown):
                _forget(self._lane(address).ask(("PING",), deadline))

    def _lane(self, address: Address) -> Lane:
        lane = self._lanes.get(address)
        if lane is None:
            lane = self._lanes[address] = Lane(address, self.access, self._lost)
        return lane

    def _lost(self, _lane: Lane) -> None:
        self._trouble.set()


def _target(error: ReplyError, asked: Lane) -> Address:
    """Where `MOVED 3999 127.0.0.1:6381` points; without a host, to the host that was asked."""
    host, _, port = str(error).split(" ")[2].rpartition(":")
    return host or asked.address[0], int(port)


async def _raise(error: BackendDown) -> None:
    raise error


def _forget(answer: asyncio.Future[Any]) -> None:
    """Marks an answer as one that nobody waits for."""
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())
