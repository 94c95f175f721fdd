"""Decides while no shared bucket can be reached: out of the local share, then open or closed as declared."""

from collections.abc import Callable

from gigaday.contracts import Decision, Policy
from gigaday.limiting.counts import Counts
from gigaday.limiting.hand import Hand
from gigaday.limiting.shares import LocalShares
from gigaday.rules import leases

Declared = Callable[[str, Policy], bool]


def closed(key: str, policy: Policy) -> bool:
    """Every limit holds through an outage, at each worker's share of it."""
    return False


class Fallback:
    """`opens` says of a key and its policy whether requests beyond the local share are let through."""

    def __init__(self, workers: Callable[[], int], opens: Declared, counts: Counts) -> None:
        self._workers, self._opens, self._counts = workers, opens, counts
        self.shares = LocalShares()

    def begin(self, hand: Hand, now: float) -> None:
        """The shared buckets have just gone: of what was left of the limit, this worker has its part."""
        workers = self._workers()
        share = leases.share(hand.policy, workers)
        if share and hand.met:
            self.shares.start(hand.key, share, hand.bucket(now) / workers, now)

    def decide(self, hand: Hand, cost: int, now: float) -> Decision:
        decision = self._share(hand, cost, now)
        if decision.allowed:
            self._counts.shared_in += 1
        elif self._opens(hand.key, hand.policy):
            self._counts.opened += 1
            decision = Decision(True, decision.remaining, decision.reset, 0.0)
        else:
            self._counts.closed += 1
            return decision
        self._counts.unshared_tokens += cost
        return decision

    def _share(self, hand: Hand, cost: int, now: float) -> Decision:
        share = leases.share(hand.policy, self._workers())
        if share is None:
            return Decision(False, 0, hand.policy.window, cost / hand.rate)
        return self.shares.take(hand.key, share, cost, now)
