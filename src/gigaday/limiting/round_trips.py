"""The calls of the shared buckets: one at a time for a key, for all who wait for it, and the renewal of its lease."""

import asyncio
from collections.abc import Callable

from gigaday.contracts import Clock, Decision, SharedBuckets
from gigaday.errors import BackendDown
from gigaday.limiting.counts import Counts
from gigaday.limiting.fallback import Fallback
from gigaday.limiting.hand import Hand, Waiter
from gigaday.rules import leases

RETRY_SECONDS = 0.25
"""After a failure, how long a key is decided locally before its shared bucket is asked again."""


class RoundTrips:
    """A flight is a task of a hand that calls until nobody waits and the lease is as it should be."""

    def __init__(
        self, shared: SharedBuckets, workers: Callable[[], int], clock: Clock, fallback: Fallback, counts: Counts
    ) -> None:
        self._shared, self._workers, self._clock = shared, workers, clock
        self._fallback, self._counts = fallback, counts

    def start(self, hand: Hand) -> asyncio.Task[None]:
        """The flight under way, or a new one; it first runs when this turn of the event loop is over."""
        if hand.flight is None:
            hand.flight = asyncio.get_running_loop().create_task(self._fly(hand))
        return hand.flight

    def at_once(self, hand: Hand, cost: int) -> Decision | None:
        """The decision that needs no call, if there is one."""
        now = self._clock.monotonic()
        if cost <= hand.tokens:
            hand.tokens -= cost
            self._counts.leased += 1
            return hand.admitted(now)
        if now < hand.down_until:
            return self._fallback.decide(hand, cost, now)
        if hand.lacks(cost, now):
            self._counts.denied += 1
            return hand.refused(cost, now)
        return None

    async def _fly(self, hand: Hand) -> None:
        waiting: list[Waiter] = []
        try:
            while True:
                waiting, hand.waiting = hand.waiting, []
                waiting = [waiter for waiter in waiting if not self._answered(hand, waiter)]
                if not await self._call(hand, waiting):
                    return
        except BaseException as error:  # not as the contract says; nobody must wait for ever
            waiting, hand.waiting = waiting + hand.waiting, []
            for waiter in waiting:
                if not waiter.decision.done():
                    waiter.decision.set_exception(error)
            raise
        finally:
            hand.flight = None

    def _answered(self, hand: Hand, waiter: Waiter) -> bool:
        if waiter.decision.done():  # its request was abandoned
            return True
        decision = self.at_once(hand, waiter.cost)
        if decision is not None:
            waiter.decision.set_result(decision)
        return decision is not None

    async def _call(self, hand: Hand, waiting: list[Waiter]) -> bool:
        """The most urgent call; False where none is."""
        if waiting:
            await self._ask(hand, waiting)
        elif self._clock.monotonic() < hand.down_until:
            return False
        elif hand.tokens > hand.size:
            surplus, hand.tokens = hand.tokens - hand.size, hand.size
            await self._lease(hand, 0, -surplus)
        elif hand.tokens <= hand.low:
            await self._lease(hand, 1, hand.size - hand.tokens)
            # Granted too little or used up meanwhile, the next request renews: nothing here asks in circles.
            return bool(hand.waiting) or hand.tokens > hand.size
        else:
            return False
        return True

    async def _ask(self, hand: Hand, waiting: list[Waiter]) -> None:
        costs = [waiter.cost for waiter in waiting]
        # Set aside, or the requests that overtake would spend what the call counts on.
        held, hand.tokens = hand.tokens, 0
        reached = await self._lease(hand, *leases.ask(costs, held, self._size(hand, sum(costs))))
        hand.tokens += held
        for waiter in waiting:
            if not waiter.decision.done():
                waiter.decision.set_result(self._after_call(hand, waiter.cost, reached))
        hand.busy = True

    def _after_call(self, hand: Hand, cost: int, reached: bool) -> Decision:
        now = self._clock.monotonic()
        if cost <= hand.tokens:
            hand.tokens -= cost
            self._counts.exact += 1
            return hand.admitted(now)
        if not reached:
            return self._fallback.decide(hand, cost, now)
        self._counts.denied += 1
        return hand.refused(cost, now)

    async def _lease(self, hand: Hand, least: int, most: int) -> bool:
        """Whether the shared buckets answered; what they granted is in hand then."""
        # The answer's level held at some moment after this one: taken for older, it is never thought lower than it is.
        sent = self._clock.monotonic()
        self._counts.round_trips += 1
        try:
            # Where the bucket is lost, with a member or for a stand-in, it does not come back fuller than it can be.
            start = hand.bucket(sent) if hand.met else None
            grant = await self._shared.lease(hand.key, hand.policy, least, most, start)
        except BackendDown:
            self._went_down(hand)
            return False
        hand.tokens += max(0, grant.granted)  # what was given back has left the hand before the call
        hand.level, hand.at, hand.met, hand.down_until = grant.level, sent, True, 0.0
        hand.resize(self._size(hand))
        return True

    def _went_down(self, hand: Hand) -> None:
        now = self._clock.monotonic()
        self._counts.failures += 1
        if not hand.down_until:
            self._fallback.begin(hand, now)
        hand.down_until = now + RETRY_SECONDS

    def _size(self, hand: Hand, spent: int = 0) -> int:
        if not hand.busy:
            return 0
        left = hand.bucket(self._clock.monotonic()) + hand.tokens - spent
        return leases.size(hand.policy, self._workers(), left)
