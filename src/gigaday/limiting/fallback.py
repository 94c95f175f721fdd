"""Decides while no shared bucket can be reached: out of this worker's share of the limit.

What is refused then is marked as such, for the edge lets routes through that an operator needs in an emergency.
"""

from collections.abc import Callable

import msgspec

from gigaday.contracts import Decision
from gigaday.limiting.counts import Counts
from gigaday.limiting.hand import Hand
from gigaday.limiting.shares import LocalShares
from gigaday.rules import leases


class Fallback:
    """Every limit holds through an outage, at each worker's share of it."""

    def __init__(self, workers: Callable[[], int], counts: Counts) -> None:
        self._workers, self._counts = workers, counts
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
            self._counts.unshared_tokens += cost
        else:
            self._counts.closed += 1
        return msgspec.structs.replace(decision, unshared=True)

    def _share(self, hand: Hand, cost: int, now: float) -> Decision:
        share = leases.share(hand.policy, self._workers())
        if share is None:
            return Decision(False, 0, hand.policy.window, cost / hand.rate)
        return self.shares.take(hand.key, share, cost, now)
