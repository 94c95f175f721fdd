"""Token buckets, one process's and shared ones."""

from typing import NamedTuple, Protocol

import msgspec


class Policy(msgspec.Struct, frozen=True):
    """A token bucket: holds at most `quota`, refills continuously at `quota` per `window` seconds."""

    name: str
    quota: int
    window: int


class Decision(msgspec.Struct, frozen=True):
    """`remaining` whole tokens; `reset` seconds until the bucket is full; `retry_after` seconds until the asked
    cost would be admitted (0 when admitted); `unshared` where no shared bucket could be asked."""

    allowed: bool
    remaining: int
    reset: int
    retry_after: float
    unshared: bool = False


class Charge(NamedTuple):
    """`cost` tokens of the bucket `key`."""

    key: str
    policy: Policy
    cost: int = 1


class Charged(NamedTuple):
    """Of several charges the one that was refused, or else the one with the least left of its quota."""

    policy: Policy
    decision: Decision


class Buckets(Protocol):
    """Token buckets by key, as the edge asks them. A refusal takes nothing and re-arms nothing."""

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision | None:
        """The decision where it needs no waiting, else None, with nothing taken: then ask `take`."""

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        """The decision, within a small bound of time whatever is down; never raises BackendDown. A cost of 0 looks."""

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        """Undoes a `take` whose request another limit refused."""


class Grant(msgspec.Struct, frozen=True):
    """`granted` tokens left the bucket, which holds `level` afterwards."""

    granted: int
    level: float


class SharedBuckets(Protocol):
    """Token buckets that every node takes from, refilled by the store's own clock. Raises BackendDown within its
    small budget of time; tokens may then be taken or not."""

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        """Takes up to `most` tokens, whole ones, or none where fewer than `least` are there. Atomic. A negative
        `most` gives tokens back. A bucket that is not there holds the quota, or `start` tokens where that is less."""

    async def ping(self) -> None:
        """Really exercises the technology; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""
