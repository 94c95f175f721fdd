"""The database's primary is sick: another member instead, more connections to what answers, and no writes if need be.

Read-only mode, where it is asked for, comes first: no write is then on its way when the primary leaves. Without it
writes that meet the election are seen through it by the driver, so that failing over alone loses none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gigaday.contracts import Clock
from gigaday.errors import BackendDown
from gigaday.ops.audit import State
from gigaday.ops.runbook import Step, StepFailed, Unneeded
from gigaday.ops.runbook_modes import ModeSteps, level, stricter

NAME = "database"
WRITABLE_WITHIN = 30.0
"""Seconds for an election and the first write after it."""
_LOOK_SECONDS = 0.2
_SQLITE = "SQLite is one file in this process: it has no other member, and no connections to count"


class ReplicaSet(Protocol):
    """What an operator does to a replica set. Every call may raise BackendDown."""

    async def shards(self) -> list[str]:
        """Those of a cluster, as a router tells them; none on a replica set."""

    async def primary(self) -> str:
        """`host:port`. Raises BackendDown where none takes writes."""

    async def heirs(self) -> list[str]:
        """The members that could take over from the primary now."""

    async def step_down(self, seconds: float) -> None:
        """Ends the primary's term; it cannot be elected again for so long."""

    async def unfreeze(self, member: str) -> None:
        """Lets it be elected again."""

    async def try_write(self) -> None:
        """Writes something, acknowledged by a majority."""

    async def connections(self) -> tuple[int, int]:
        """Of the primary: those in use, and how many more it takes."""


@dataclass(frozen=True)
class Trouble:
    """What to do about it. `away` in seconds: how long the old primary stays out; `pool` a factor."""

    failover: bool = True
    pool: float = 2.0
    read_only: bool = False
    away: float = 60.0


def steps(
    wanted: Trouble, modes: ModeSteps, database: ReplicaSet | None, writable: Callable[[], bool], clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[Step]:  # fmt: skip
    """`database` is None on SQLite; `writable` is whether this process, like a node, knows of a primary."""

    async def room() -> None:
        await _room(database, wanted.pool)

    read_only = modes.step(
        "read-only mode",
        "Writes are refused at once instead of waiting; what can be read is read.",
        level("read_only"),
        followed=True,
    )
    failing_over = _FailOver(wanted.away, database, writable, clock, sleep).step()
    wider = modes.step(
        "widen pools",
        "Requests that wait for a connection while answers take longer find one.",
        stricter(pool=wanted.pool),
        room,
    )
    return [*([read_only] if wanted.read_only else []), *([failing_over] if wanted.failover else []), wider]


async def _room(database: ReplicaSet | None, factor: float) -> None:
    """Raises StepFailed where the members could not take so many more connections."""
    if database is None:
        raise Unneeded(_SQLITE)
    used, more = await database.connections()
    if more < used * (factor - 1):
        raise StepFailed(f"the primary has {used} connections and takes only {more} more; raise its limit first")


@dataclass(frozen=True)
class _FailOver:
    away: float
    database: ReplicaSet | None
    writable: Callable[[], bool]
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]

    def step(self) -> Step:
        why = "Another member takes the writes, in about two seconds; the old primary stays out of elections meanwhile."
        return Step("fail over", why, self._before, self._act, self._after, self._undo)

    @property
    def _set(self) -> ReplicaSet:
        if self.database is None:
            raise Unneeded(_SQLITE)
        return self.database

    async def _before(self) -> State:
        if shards := await self._set.shards():
            raise Unneeded(f"a cluster fails over shard by shard, on each itself: rs.stepDown() at {'; '.join(shards)}")
        primary = await self._set.primary()
        if not await self._set.heirs():
            raise StepFailed(f"no member could take over from {primary}: none that may be elected is up and caught up")
        return {"primary": primary}

    async def _act(self, before: State) -> None:
        if await self._set.primary() == before["primary"]:  # else it has been done already
            await self._set.step_down(self.away)

    async def _after(self, before: State) -> State:
        began = self.clock.monotonic()
        while True:
            try:
                primary = await self._set.primary()
                if primary != before["primary"] and self.writable():
                    await self._set.try_write()
                    break
                why = f"{primary} is the primary still"
            except BackendDown as error:
                why = str(error)
            if self.clock.monotonic() - began >= WRITABLE_WITHIN:
                raise StepFailed(f"no other member takes writes after {WRITABLE_WITHIN:g} s: {why}")
            await self.sleep(_LOOK_SECONDS)
        return {"primary": primary, "writable after seconds": round(self.clock.monotonic() - began, 2)}

    async def _undo(self, before: State, after: State | None) -> str:
        """The set decides who leads: failing over once more would only refuse writes once more."""
        await self._set.unfreeze(before["primary"])
        return f"{before['primary']} may be elected again; {await self._set.primary()} is the primary"
