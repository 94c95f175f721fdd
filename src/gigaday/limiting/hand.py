"""What a worker holds and knows of one shared bucket."""

import asyncio
from math import ceil
from typing import NamedTuple

from gigaday.contracts import Decision, Policy

_ROUNDING = 1e-6
"""Tokens; an error in the last digits of a refill must not refuse a steady client."""


class Waiter(NamedTuple):
    """A request that waits for a round trip."""

    cost: int
    decision: asyncio.Future[Decision]


class Hand:
    """`tokens` are taken already and may be spent without asking. The bucket held `level` at monotonic second `at`;
    others only take from it (but for what they give back), so that it holds at most that and the refill."""

    __slots__ = (
        "at", "busy", "down_until", "flight", "key", "level", "low", "met", "policy", "quota", "rate", "size", "tokens",
        "waiting",
    )  # fmt: skip

    def __init__(self, key: str, policy: Policy, now: float) -> None:
        self.key = key
        self.tokens = 0
        self.size = 0
        """The lease to hold; 0 decides exactly."""
        self.low = -1
        """Renew at so many tokens or fewer."""
        self.level, self.at = float(policy.quota), now
        self.met = False
        """Whether `level` was ever told by the shared buckets."""
        self.busy = False
        """Whether the key is asked often enough that a lease is worth taking."""
        self.down_until = 0.0
        """Until then the shared buckets are taken to be down."""
        self.waiting: list[Waiter] = []
        self.flight: asyncio.Task[None] | None = None
        """The one round trip at a time: while it lasts, hand and flight together hold no more than a lease."""
        self.policy = policy
        self.limit(policy)

    def limit(self, policy: Policy) -> None:
        """Follows a limit that was set anew; of what is in hand, it keeps what is in proportion to it."""
        if self.tokens and policy.quota < self.policy.quota:
            self.tokens = self.tokens * policy.quota // self.policy.quota
        self.policy, self.quota, self.rate = policy, policy.quota, policy.quota / policy.window
        self.level = min(self.level, float(policy.quota))

    def resize(self, size: int) -> None:
        self.size = size
        self.low = size // 2 if size else -1

    def rest(self) -> None:
        """Nobody has asked for a while: what is in hand is to be given back."""
        self.busy = False
        self.resize(0)

    def bucket(self, now: float) -> float:
        """The most tokens that the shared bucket can hold."""
        level = self.level + (now - self.at) * self.rate
        return level if level < self.quota else float(self.quota)

    def lacks(self, cost: int, now: float) -> bool:
        """Whether there cannot be enough, in the bucket and in hand."""
        return cost - self.tokens - self.bucket(now) > _ROUNDING

    def admitted(self, now: float) -> Decision:
        """After the cost has been taken from `tokens`."""
        left = min(float(self.quota), self.bucket(now) + self.tokens)
        return Decision(True, int(left + _ROUNDING), ceil((self.quota - left) / self.rate), 0.0)

    def refused(self, cost: int, now: float) -> Decision:
        left = min(float(self.quota), self.bucket(now) + self.tokens)
        # Enough may be there by now, which is no admission: the call that refused saw less.
        wait = max(_ROUNDING, cost - left) / self.rate
        return Decision(False, int(left + _ROUNDING), ceil((self.quota - left) / self.rate), wait)
