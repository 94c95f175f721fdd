"""`Buckets` over shared ones: exact where a limit is small, and otherwise out of leases, without a call per request."""

import asyncio
from collections.abc import Callable
from math import ceil

from gigaday.contracts import Clock, Decision, Policy, SharedBuckets
from gigaday.limiting.counts import Counts
from gigaday.limiting.fallback import Fallback
from gigaday.limiting.hand import Hand, Waiter
from gigaday.limiting.round_trips import RoundTrips

IDLE_SECONDS = 1.5
"""A key that nobody asks for one to two times as long gives its lease back and is forgotten."""
_MOST_HANDS = 100_000


class LeasedBuckets:
    """Any window of t seconds admits at most B + R*t + N*L (`rules.leases`), to within a round trip; over `workers()`
    workers, never more than R in the long run.

    While `shared` is down: the lease in hand, then this worker's share of the limit.
    Needs `tend` to run beside it, and `close` at the end.
    """

    def __init__(
        self,
        shared: SharedBuckets,
        workers: Callable[[], int],
        clock: Clock,
        *,
        most: int = _MOST_HANDS,
    ) -> None:
        self.counts = Counts()
        self._monotonic, self._most = clock.monotonic, most
        self._fallback = Fallback(workers, self.counts)
        self._trips = RoundTrips(shared, workers, clock, self._fallback, self.counts)
        self._hands: dict[str, Hand] = {}
        self._older: dict[str, Hand] = {}
        """Those that nobody has asked for since the last turn of the generations."""

    def __len__(self) -> int:
        return len(self._hands) + len(self._older)

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision | None:
        # The hot path: Hand.admitted, written out.
        hand = self._hands.get(key)
        if hand is None or hand.policy is not policy:
            hand = self._found(key, policy)
        tokens = hand.tokens - cost
        if tokens < 0:
            return None if hand.flight else self._trips.at_once(hand, cost)
        hand.tokens = tokens
        if tokens <= hand.low:
            self._renew(hand)
        self.counts.leased += 1
        rate, quota = hand.rate, hand.quota
        left = hand.level + tokens + (self._monotonic() - hand.at) * rate
        if left >= quota:
            return Decision(True, quota, 0, 0.0)
        return Decision(True, int(left), ceil((quota - left) / rate), 0.0)

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        decision = self.take_now(key, policy, cost)
        if decision is not None:
            return decision
        hand = self._found(key, policy)
        waiter = Waiter(cost, asyncio.get_running_loop().create_future())
        hand.waiting.append(waiter)
        self._trips.start(hand)
        return await waiter.decision

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        hand = self._found(key, policy)
        hand.tokens += cost
        if hand.tokens > hand.size:
            self._trips.start(hand)

    async def tend(self) -> None:
        """Gives idle leases back, for as long as it runs."""
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            self._turn()
            self._fallback.shares.forget_full(self._monotonic())

    async def close(self) -> None:
        """Gives everything back."""
        flights = [flight for hand in self._all() if (flight := self._rest(hand))]
        if flights:
            await asyncio.wait(flights)

    def _renew(self, hand: Hand) -> None:
        if hand.flight is None and self._monotonic() >= hand.down_until:
            self._trips.start(hand)

    def _found(self, key: str, policy: Policy) -> Hand:
        hand = self._hands.get(key)
        if hand is None:
            if len(self._hands) >= self._most:
                self._turn()
            hand = self._older.pop(key, None) or Hand(key, policy, self._monotonic())
            self._hands[key] = hand
        if hand.policy is not policy:
            hand.limit(policy)
        return hand

    def _turn(self) -> None:
        """The next generation. What was not asked for during the last one rests, and goes once it holds nothing."""
        idle, self._older, self._hands = self._older, self._hands, {}
        for key, hand in idle.items():
            if self._rest(hand):
                self._hands[key] = hand

    def _rest(self, hand: Hand) -> asyncio.Task[None] | None:
        hand.rest()
        # What cannot be given back, the buckets being down, is lost to the tenant rather than kept in memory.
        returns = hand.tokens and self._monotonic() >= hand.down_until
        return self._trips.start(hand) if returns or hand.flight else None

    def _all(self) -> list[Hand]:
        return [*self._hands.values(), *self._older.values()]
