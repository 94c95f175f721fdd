"""More requests than the fleet can take: what helps within a second first, and more nodes, which take longer, last."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gigaday.contracts import Clock
from gigaday.model.mode import Admits
from gigaday.ops.audit import State
from gigaday.ops.runbook import Step, StepFailed, Unneeded
from gigaday.ops.runbook_modes import ModeSteps, stricter

NAME = "spike"
_LOOK_SECONDS = 0.25
_HEARD_WITHIN = 5.0
"""Seconds."""


class Nodes(Protocol):
    """What serves, and how to have more of it."""

    where: str
    """What it is that is counted, so that a run is undone where it was done."""

    async def count(self) -> int:
        """How many serve. Raises Unneeded where they cannot be counted."""

    async def scale(self, count: int) -> str:
        """Makes it so many, or answers with what a person has to do to that end."""


class Alone:
    """One node that shares nothing, so that there can be no other."""

    where = "this node alone"

    async def count(self) -> int:
        raise Unneeded("this node shares nothing, so that there can be no other: REDIS_CLUSTER_URLS is not set")

    async def scale(self, count: int) -> str:
        return ""


class Stream(Protocol):
    """The announcements of what serves, as `caching.stream` has them: this process is one of those that are `live`."""

    live: int

    @property
    def settled(self) -> bool:
        """Whether all have been heard."""

    async def start(self) -> None: ...


class Announced:
    """Nodes that somebody else starts; counted are the processes that serve, as they announce themselves."""

    where = "the fleet that shares this Redis"

    def __init__(self, stream: Stream, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._stream, self._clock, self._sleep = stream, clock, sleep
        self._started = False

    async def count(self) -> int:
        if not self._started:
            self._started = True
            await self._stream.start()
        deadline = self._clock.monotonic() + _HEARD_WITHIN
        while not self._stream.settled:
            if self._clock.monotonic() >= deadline:
                raise StepFailed("Redis does not answer, through which nodes are counted; leave it out: --no-nodes")
            await self._sleep(_LOOK_SECONDS)
        return self._stream.live - 1

    async def scale(self, count: int) -> str:
        least = f'{{"spec": {{"minReplicas": {count}}}}}'
        return (
            f"Have {count} nodes: kubectl patch hpa gigaday --type merge --patch '{least}'\n"
            "(where there is no Kubernetes: start or stop `gigaday serve` with the same settings behind the balancer)"
        )


@dataclass(frozen=True)
class Spike:
    """How far to go. `nodes` None is twice as many as serve; `wait` in seconds, for nodes that others start."""

    lifetimes: float = 4.0
    concurrency: float = 0.7
    admits: Admits = "list"
    nodes: int | None = None
    wait: float = 120.0


def steps(
    wanted: Spike, modes: ModeSteps, nodes: Nodes | None, clock: Clock, ask: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[Step]:  # fmt: skip
    """`nodes` None leaves their number alone; `ask` tells a person what only they can do."""
    return [
        modes.step(
            "raise cache lifetimes",
            "What is asked for most is answered from memory for longer, and the database is asked for less.",
            stricter(lifetimes=wanted.lifetimes),
        ),
        modes.step(
            "tighten shedding",
            "Each node takes less on at once, the least urgent refused first, so that what it takes on stays fast. "
            "Breakers open by themselves.",
            stricter(concurrency=wanted.concurrency, admits=wanted.admits),
        ),
        *([_MoreNodes(wanted, nodes, clock, ask, sleep).step()] if nodes is not None else []),
    ]


@dataclass(frozen=True)
class _MoreNodes:
    wanted: Spike
    nodes: Nodes
    clock: Clock
    ask: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]

    def step(self) -> Step:
        why = "The only lasting remedy, where it is the nodes that are short of something."
        return Step("add nodes", why, self._before, self._act, self._after, self._undo)

    async def _before(self) -> State:
        count = await self.nodes.count()
        if not count:
            raise StepFailed(f"nothing serves in {self.nodes.where}: are these the settings of the nodes?")
        target = self.wanted.nodes if self.wanted.nodes is not None else 2 * count
        if count >= target:
            raise Unneeded(f"{count} serve already")
        return {"nodes": count, "of": self.nodes.where, "wanted": {"nodes": target}}

    async def _act(self, before: State) -> None:
        if to_do := await self.nodes.scale(before["wanted"]["nodes"]):
            self.ask(to_do)

    async def _after(self, before: State) -> State:
        target = before["wanted"]["nodes"]
        deadline = self.clock.monotonic() + self.wanted.wait
        while (count := await self.nodes.count()) < target:
            if self.clock.monotonic() >= deadline:
                raise StepFailed(f"{count} serve after {self.wanted.wait:g} s, and not {target}")
            await self.sleep(_LOOK_SECONDS)
        return {"nodes": count, "of": before["of"]}

    async def _undo(self, before: State, after: State | None) -> str:
        if before["of"] != self.nodes.where:
            raise StepFailed(f"nodes were added to {before['of']}, and this would change {self.nodes.where}")
        if to_do := await self.nodes.scale(before["nodes"]):
            self.ask(to_do)
            return f"asked for {before['nodes']} nodes"
        return f"nodes {before['nodes']}"
