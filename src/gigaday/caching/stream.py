"""The stream of announcements among the nodes, and whether it may be trusted.

A node hears its own heartbeats too: whatever others announced before one of them was sent has arrived with it. So trust
needs no clock but the node's own, and ends by itself when nothing is heard. A gap in what a publisher counts, a lost
connection and a silent stream each throw away what was cached until then.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gigaday.caching import announcement
from gigaday.caching.announcement import Announcement, BadAnnouncement, Receipt
from gigaday.caching.peers import Peers
from gigaday.caching.trust import Trust
from gigaday.contracts import Bus, Clock
from gigaday.errors import BackendDown

HEARTBEAT = 0.25
_SPAN = 0.8
"""Seconds of trust that a heartbeat brings: less than the bound, by as much as announcements of two nodes may overtake
one another."""
_SILENCE = 1.0
_SETTLING = 1.0
"""Seconds of listening after which every live node has been heard."""
_FORGOTTEN = 5.0
_RECONNECT = 0.1


@dataclass
class Heeded:
    """What the node does about the stream: `drop` tags, `flush` all, `adopt` tags that a dead node still owed; `owed`
    are the node's own."""

    drop: Callable[[Sequence[str]], None]
    flush: Callable[[], None]
    adopt: Callable[[Sequence[str]], None]
    owed: Callable[[], tuple[str, ...]]


class Stream:
    """Announces and listens; `node` names this process, no other before or after it. `heeded` is set by who cares."""

    def __init__(self, bus: Bus, clock: Clock, trust: Trust, *, node: str) -> None:
        self._bus, self._clock, self._trust = bus, clock, trust
        self.node = node
        self.heeded: Heeded | None = None
        self._peers = Peers()
        self._seq = 0
        self._own_sent = self._own_heard = 0.0
        self._listening_since: float | None = None
        self._settled = False
        self._publishing = asyncio.Lock()
        self._hurry, self._news = asyncio.Event(), asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self.live = 1
        """Nodes alive, this one included; while nothing is heard, as many as before."""
        self.gaps = self.losses = self.unpublished = self.heard = 0

    async def start(self) -> None:
        self._listener = asyncio.create_task(self._listen())
        self._heart = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Says goodbye, so that the others need not wonder."""
        tasks = [task for task in (self._listener, self._heart) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._distrust()
        await self._publish(leaving=True)

    async def announce(self, tags: Sequence[str], *, urgent: bool = False) -> Receipt:
        """Publishes within the bus's budget. What cannot be published shows as a gap in the next heartbeat."""
        return Receipt(self.node, await self._publish(tuple(tags), urgent=urgent))

    @property
    def settled(self) -> bool:
        """Whether every node that might owe the shared cache an invalidation has been heard."""
        return self._settled and not self._peers.any_awaited()

    @property
    def owed(self) -> frozenset[str]:
        """Tags that other nodes could not yet invalidate in the shared cache."""
        return self._peers.owed

    def seen(self, token: str) -> bool:
        """Whether this node has processed what the receipt names; True also for what is no receipt at all, and for one
        of a node that has been silent for as long as this one has listened: what is cached here was loaded after it."""
        receipt = announcement.parse(token)
        if receipt is None or receipt.node == self.node or self._peers.seen(receipt):
            return True
        since = self._listening_since
        return (
            not self._peers.knows(receipt.node) and since is not None and self._clock.monotonic() - since > _FORGOTTEN
        )

    async def spread(self, receipt: Receipt, within: float) -> tuple[int, float]:
        """Waits until every live node has processed one of this node's own announcements. Returns how many have and
        the seconds since the call; raises TimeoutError."""
        began = self._clock.monotonic()
        nodes = self._peers.live(began - _SILENCE)
        async with asyncio.timeout(within):
            while not self._peers.acknowledged(receipt, nodes):
                self._news.clear()
                await self._news.wait()
        return 1 + len(nodes), self._clock.monotonic() - began

    async def _publish(self, tags: tuple[str, ...] = (), *, urgent: bool = False, leaving: bool = False) -> int:
        # One at a time, since the order in which they go out is what `seq` vouches for.
        async with self._publishing:
            self._seq += bool(tags)
            said = Announcement(
                self.node, self._seq, self._clock.monotonic(), tags, self.heeded.owed() if self.heeded else (),
                self._peers.acks(), urgent, leaving,
            )  # fmt: skip
            try:
                await self._bus.publish(announcement.encode(said))
            except BackendDown:
                self.unpublished += 1
            return said.seq

    async def _listen(self) -> None:
        while True:
            with suppress(BackendDown):
                async for raw in self._bus.messages():
                    if raw:
                        self._hear(raw)
                    else:
                        self._begin()
            self._lose()
            await asyncio.sleep(_RECONNECT)

    def _begin(self) -> None:
        self._listening_since = self._own_heard = self._clock.monotonic()
        self._own_sent = self._listening_since - _SPAN
        self._hurry.set()

    def _lose(self) -> None:
        """From here on announcements are missed. What is cached until it is listening again is bounded by its age."""
        if self._listening_since is None:
            return
        self.losses += 1
        self._listening_since, self._settled = None, False
        self._peers.await_all()
        self._distrust()
        self._flush()

    def _hear(self, raw: bytes) -> None:
        now = self._clock.monotonic()
        try:
            said = announcement.decode(raw)
        except BadAnnouncement:
            self._gap()
            return
        self.heard += 1
        if said.node == self.node:
            self._own_sent, self._own_heard = max(said.sent, self._own_sent), now
            self._renew(now)
            return
        if self._peers.hear(said, now):
            self._gap()
        elif said.tags and self.heeded:
            self.heeded.drop(said.tags)
        if said.leaving:
            self._forget(said.node)
        if said.urgent:
            self._hurry.set()
        self._news.set()

    def _renew(self, now: float) -> None:
        if self._listening_since is None:
            return
        if not self._settled and now - self._listening_since >= _SETTLING:
            # Whoever is alive has been heard by now. What was cached meanwhile may have missed what was said before.
            self._settled = True
            self._flush()
        if self._settled:
            self._trust.until = min(self._own_sent, self._peers.heard_by(now)) + _SPAN
        alive = 1 + len(self._peers.live(now - _SILENCE))
        # Whoever has not been heard again yet goes on taking its part of the limits.
        self.live = alive if self._settled else max(self.live, alive)

    def _gap(self) -> None:
        self.gaps += 1
        self._flush()

    def _flush(self) -> None:
        if self.heeded:
            self.heeded.flush()

    def _distrust(self) -> None:
        self._trust.end(self._clock.monotonic())

    def _forget(self, node: str) -> None:
        owed = self._peers.leave(node)
        if owed and self.heeded:
            self.heeded.adopt(owed)

    async def _beat(self) -> None:
        due = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            # A loop that was held up has its announcements still to read: it tells nothing about the stream.
            if now - due < _SILENCE / 2:
                await self._look(now)
            self._hurry.clear()  # before, so that whatever hurries while this is on its way is heeded at once
            await self._publish()
            due = self._clock.monotonic() + HEARTBEAT
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await self._hurry.wait()

    async def _look(self, now: float) -> None:
        """Notices who has fallen silent. A node that is dead may have said a last word that was lost."""
        for node in self._peers.silent(now - _FORGOTTEN):
            self._forget(node)
            self._flush()
        if self._listening_since is not None and now - self._own_heard > _SILENCE and self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._lose()
            self._listener = asyncio.create_task(self._listen())
