"""What a node knows of the others from their announcements: gaps, silence, and whose word is outstanding."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gigaday.caching.announcement import Announcement, Receipt

_MOST_DEPARTED = 1000


@dataclass
class Peer:
    """`heard` at that monotonic second last; `awaited` from the loss of the stream until it is heard again."""

    seq: int
    heard: float
    owed: tuple[str, ...] = ()
    acks: dict[str, int] = field(default_factory=dict)
    awaited: bool = False


class Peers:
    """Every node but this one. Pure bookkeeping: time is passed in."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}
        self._departed: dict[str, int] = {}
        self.owed: frozenset[str] = frozenset()

    def hear(self, said: Announcement, now: float) -> bool:
        """Takes note of an announcement; whether one before it was missed."""
        expected = 1 if said.tags else 0
        peer = self._peers.get(said.node)
        if peer is None:
            gap = said.seq > expected
            peer = self._peers[said.node] = Peer(said.seq, now)
        elif said.seq < peer.seq:
            return False
        else:
            gap = said.seq > peer.seq + expected
        peer.seq, peer.heard, peer.awaited, peer.acks = said.seq, now, False, said.acks
        if peer.owed != said.owed:
            peer.owed = said.owed
            self._sum_owed()
        return gap

    def leave(self, node: str) -> tuple[str, ...]:
        """Forgets a node; returns what it still owed, which is now for others to mend."""
        peer = self._peers.pop(node, None)
        if peer is None:
            return ()
        self._departed[node] = peer.seq
        if len(self._departed) > _MOST_DEPARTED:
            del self._departed[next(iter(self._departed))]
        self._sum_owed()
        return peer.owed

    def silent(self, since: float) -> list[str]:
        """Those not heard since then."""
        return [node for node, peer in self._peers.items() if peer.heard < since]

    def await_all(self) -> None:
        """What any of them said from now on until it is heard again may have been missed."""
        for peer in self._peers.values():
            peer.awaited = True

    def any_awaited(self) -> bool:
        return any(peer.awaited for peer in self._peers.values())

    def heard_by(self, now: float) -> float:
        """The second by which all have been heard; `now` where there is nobody."""
        return min((peer.heard for peer in self._peers.values()), default=now)

    def live(self, since: float) -> list[str]:
        return [node for node, peer in self._peers.items() if peer.heard >= since]

    def knows(self, node: str) -> bool:
        """Whether the node was heard, be it that it has left since."""
        return node in self._peers or node in self._departed

    def seen(self, receipt: Receipt) -> bool:
        """Whether that announcement has been processed here."""
        peer = self._peers.get(receipt.node)
        seq = peer.seq if peer is not None else self._departed.get(receipt.node, -1)
        return seq >= receipt.seq

    def acknowledged(self, receipt: Receipt, nodes: Iterable[str]) -> bool:
        """Whether all of `nodes` that are still known have processed that announcement."""
        return all(self._peers[node].acks.get(receipt.node, -1) >= receipt.seq for node in nodes if node in self._peers)

    def acks(self) -> dict[str, int]:
        return {node: peer.seq for node, peer in self._peers.items()}

    def _sum_owed(self) -> None:
        self.owed = frozenset(tag for peer in self._peers.values() for tag in peer.owed)
