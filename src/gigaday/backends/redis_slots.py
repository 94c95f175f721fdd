"""Which member of a Redis Cluster serves which key, as the members tell it."""

import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from gigaday.backends.redis_lane import Address

SLOTS = 16_384


def slot_of(key: str) -> int:
    """The key's slot. Of a key with `{...}` only what stands in the first braces counts (Redis Cluster specification,
    "Hash tags")."""
    opened = key.find("{")
    if opened >= 0:
        closed = key.find("}", opened + 1)
        if closed > opened + 1:
            key = key[opened + 1 : closed]
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


@dataclass(frozen=True)
class View:
    """What one member knows. `ranges` are (first slot, last slot, the primary that serves them); `epoch` grows with
    every failover and every slot that moves."""

    epoch: int
    ranges: tuple[tuple[int, int, Address], ...]
    members: frozenset[Address]

    def covers_all(self) -> bool:
        return sum(last - first + 1 for first, last, _ in self.ranges) == SLOTS


def parse(nodes: str, asked: Address) -> View:
    """What `CLUSTER NODES` says; `asked` is where it was asked, as a member alone does not know its own host.
    Raises ValueError for anything else."""
    epoch, ranges, members = 0, [], set()
    for line in nodes.splitlines():
        _, where, flags, _, _, _, node_epoch, _, *slots = line.split(" ")
        if "noaddr" in flags or "handshake" in flags:
            continue
        host, _, port = where.partition("@")[0].rpartition(":")
        address = (host or asked[0], int(port))
        members.add(address)
        held = [_range(text) for text in slots if not text.startswith("[")]
        if held:
            epoch = max(epoch, int(node_epoch))
        ranges += [(first, last, address) for first, last in held]
    return View(epoch, tuple(sorted(ranges)), frozenset(members))


def alone(address: Address) -> View:
    """A Redis that is no cluster serves every key."""
    return View(0, ((0, SLOTS - 1, address),), frozenset({address}))


def newest(views: Iterable[View]) -> View | None:
    """The view to go by: a member that was cut off or has just come back lags behind the others."""
    return max(views, key=lambda view: (view.epoch, len(view.ranges)), default=None)


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)
