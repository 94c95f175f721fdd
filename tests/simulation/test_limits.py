"""Token buckets of many workers, simulated: clients, slow and broken links, crashes and clocks, all out of one seed."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from random import Random

import pytest

from gigaday.contracts import Policy
from gigaday.limiting.failover import Failover, Guarded
from gigaday.limiting.leased import LeasedBuckets
from gigaday.resilience.breaker import Breaker
from tests.simulation.seeds import replay
from tests.simulation.shared_buckets import BUDGET, Link, Store

KEY = "rate_limit:{acme:p}"
EXACT = Policy("p", quota=40, window=10)
LEASED = Policy("p", quota=1_500, window=20)
BOTH = pytest.mark.parametrize("policy", [EXACT, LEASED], ids=["exact", "leased"])
SLOWEST = 0.004
ROUND_TRIPS = 4 * SLOWEST
"""Seconds: tokens of a burst may leave the bucket just before a window, and be admitted in it."""


class WorkerClock:
    """A worker's own clock: of another origin, a little fast or slow, and stepped now and then."""

    def __init__(self, random: Random, *, drift: float = 0.0) -> None:
        self._origin, self._pace = random.uniform(0, 1e6), 1 + random.uniform(-drift, drift)
        self._random, self.skipped = random, 0.0

    def now(self) -> float:
        return self._random.uniform(0, 2e9)

    def monotonic(self) -> float:
        return self._origin + self.skipped + asyncio.get_running_loop().time() * self._pace


class Worker:
    """One process; `restart` is a crash, which loses what it held."""

    def __init__(self, fleet: "Fleet", *, lossy: float, drift: float) -> None:
        self._fleet, self._lossy, self._drift = fleet, lossy, drift
        self.start()

    def start(self) -> None:
        random = self._fleet.random
        self.clock = WorkerClock(random, drift=self._drift)
        self.links = [Link(store, random, slowest=SLOWEST, lossy=self._lossy) for store in self._fleet.stores]
        shared = Failover([Guarded(link, Breaker(self.clock)) for link in self.links])
        self.buckets = LeasedBuckets(shared, lambda: self._fleet.size, self.clock)
        self._tending = asyncio.create_task(self.buckets.tend())

    def restart(self) -> None:
        self._tending.cancel()
        self.start()


class Fleet:
    """`size` workers over the stores, and the record of what they admitted."""

    def __init__(self, seed: int, policy: Policy, *, stores: int = 1, lossy: float = 0.0, drift: float = 0.0) -> None:
        self.random = Random(seed)
        self.policy, self.size = policy, self.random.randint(1, 4)
        self.stores = [Store() for _ in range(stores)]
        self.workers = [Worker(self, lossy=lossy, drift=drift) for _ in range(self.size)]
        self.admitted: list[tuple[float, int]] = []
        self.refused = 0
        self.longest = 0.0
        """The longest that a decision took, in seconds."""

    @property
    def rate(self) -> float:
        return self.policy.quota / self.policy.window

    @property
    def lease(self) -> int:
        """L as the docs have it, whatever the code takes it for."""
        lease = self.policy.quota // (20 * self.size)
        return lease if lease >= 16 else 0

    def tokens(self, since: float = 0.0) -> int:
        return sum(cost for at, cost in self.admitted if at >= since)

    async def request(self, cost: int = 1, worker: Worker | None = None) -> bool:
        buckets, time = (worker or self.random.choice(self.workers)).buckets, asyncio.get_running_loop().time
        began = time()
        decision = buckets.take_now(KEY, self.policy, cost)
        if decision is None:
            decision = await buckets.take(KEY, self.policy, cost)
        self.longest = max(self.longest, time() - began)
        if decision.allowed:
            self.admitted.append((time(), cost))
        else:
            self.refused += 1
        return decision.allowed

    async def crowd(self, gaps: Iterable[float], cost: Callable[[], int] = lambda: 1) -> None:
        """Requests after each of `gaps` seconds, none waiting for another."""
        async with asyncio.TaskGroup() as group:
            for gap in gaps:
                await asyncio.sleep(gap)
                group.create_task(self.request(cost()))

    def most_over(self, rate: float) -> float:
        """The most that any window admitted beyond what `rate` refills in it."""
        total, lowest, most = 0, float("inf"), 0.0
        for at, cost in sorted(self.admitted):
            lowest = min(lowest, total - rate * at)
            total += cost
            most = max(most, total - rate * at - lowest)
        return most

    def assert_bounded(self, sources: int = 1, late: float = ROUND_TRIPS) -> None:
        """Over every window: `sources` times (B + R*t), and N*L; t to within `late` seconds."""
        rate = sources * self.rate
        assert self.most_over(rate) <= sources * self.policy.quota + self.size * self.lease + rate * late + 1e-6

    async def faults(self, seconds: float, fault: Callable[[], None], every: float) -> None:
        """`fault` at random moments, on average each `every` seconds."""
        for gap in gaps(self.random, every, seconds):
            await asyncio.sleep(gap)
            fault()


def gaps(random: Random, mean: float, seconds: float) -> Iterator[float]:
    """Random arrivals: many close together, and pauses."""
    while seconds > 0:
        gap = random.choice([0.0, 0.0, random.expovariate(1 / (3 * mean))])
        seconds -= gap
        yield gap


def stepped(fleet: Fleet) -> None:
    fleet.random.choice(fleet.workers).clock.skipped += fleet.random.expovariate(1 / 10)


def crashed(fleet: Fleet) -> None:
    fleet.random.choice(fleet.workers).restart()


@BOTH
def test_a_steady_client_is_never_refused(policy: Policy) -> None:
    async def steady(seed: int) -> None:
        fleet = Fleet(seed, policy)
        worker = fleet.random.choice(fleet.workers)
        async with asyncio.TaskGroup() as group:
            while asyncio.get_running_loop().time() < 1.5 * policy.window:
                if fleet.random.random() < 0.05:
                    worker = fleet.random.choice(fleet.workers)
                cost = fleet.random.randint(1, 8)
                group.create_task(fleet.request(cost, worker))
                await asyncio.sleep(cost / fleet.rate)
        assert fleet.refused == 0

    replay(steady, 200)


def test_a_burst_admits_exactly_the_quota() -> None:
    async def burst(seed: int) -> None:
        fleet = Fleet(seed, EXACT)
        await fleet.crowd([0.0] * (EXACT.quota + fleet.random.randint(0, 60)))
        assert fleet.tokens() == EXACT.quota

    replay(burst, 500)


def test_a_burst_upon_leases_admits_at_most_those_besides() -> None:
    async def burst(seed: int) -> None:
        fleet = Fleet(seed, LEASED)
        await fleet.crowd(gaps(fleet.random, 0.05, 4))
        began, held = asyncio.get_running_loop().time(), fleet.size * fleet.lease
        await fleet.crowd([0.0] * 250, lambda: 10)
        assert LEASED.quota - held - 10 <= fleet.tokens(began) <= LEASED.quota + held + fleet.rate * ROUND_TRIPS

    replay(burst, 300)


@BOTH
def test_after_a_rest_nothing_is_missing(policy: Policy) -> None:
    async def rested(seed: int) -> None:
        fleet = Fleet(seed, policy)
        await fleet.crowd(gaps(fleet.random, 2 / fleet.rate, 5), lambda: fleet.random.randint(1, 4))
        await asyncio.sleep(policy.window + 5)
        began, alone = asyncio.get_running_loop().time(), fleet.random.choice(fleet.workers)
        await asyncio.gather(*(fleet.request(10, alone) for _ in range(policy.quota // 10 + 5)))
        assert fleet.tokens(began) == policy.quota

    replay(rested, 300)


@BOTH
def test_the_refill_is_continuous(policy: Policy) -> None:
    async def waiting(seed: int) -> None:
        fleet = Fleet(seed, policy)
        await fleet.crowd([0.0] * (policy.quota // 10 + 30), lambda: 10)
        pause = fleet.random.uniform(0.2, 0.5) * policy.window
        await asyncio.sleep(pause)
        began = asyncio.get_running_loop().time()
        cost = policy.quota // 40
        await fleet.crowd([0.0] * 50, lambda: cost)
        # What the first burst left over is less than its cost, and what others than the refused worker held.
        most = (pause + ROUND_TRIPS) * fleet.rate + 10 + fleet.size * fleet.lease
        assert pause * fleet.rate - cost - fleet.size * fleet.lease <= fleet.tokens(began) <= most

    replay(waiting, 200)


@BOTH
def test_who_hammers_gets_the_rate(policy: Policy) -> None:
    async def hammering(seed: int) -> None:
        fleet, seconds, cost = Fleet(seed, policy), 2 * policy.window, policy.quota // 40
        gap = cost / fleet.rate / 10
        await fleet.crowd([gap] * int(seconds / gap), lambda: cost)
        refilled = policy.quota + fleet.rate * seconds
        assert refilled - 3 * cost - fleet.size * fleet.lease <= fleet.tokens() <= refilled + 1
        fleet.assert_bounded()

    replay(hammering, 60)


@BOTH
def test_the_bound_holds_through_crashes_and_clock_steps(policy: Policy) -> None:
    async def anything(seed: int) -> None:
        fleet, seconds, largest = Fleet(seed, policy, drift=0.01), 1.5 * policy.window, max(4, policy.quota // 100)
        gap = largest / 2 / fleet.rate / fleet.random.uniform(0.3, 5)
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.faults(seconds, lambda: crashed(fleet), every=4))
            group.create_task(fleet.faults(seconds, lambda: stepped(fleet), every=4))
            await fleet.crowd(gaps(fleet.random, gap, seconds), lambda: fleet.random.randint(1, largest))
        fleet.assert_bounded()

    replay(anything, 150)


@BOTH
@pytest.mark.parametrize("stores", [1, 2])
def test_in_outages_each_stand_in_adds_one_quota_at_most(policy: Policy, stores: int) -> None:
    async def outages(seed: int) -> None:
        fleet = Fleet(seed, policy, stores=stores, lossy=0.02)

        def fault() -> None:
            store = fleet.random.choice(fleet.stores)
            store.down = not store.down
            link = fleet.random.choice(fleet.random.choice(fleet.workers).links)
            link.cut = not link.cut

        largest = policy.quota // 30
        gap = largest / 2 / fleet.rate / fleet.random.uniform(1, 12)
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.faults(1.5 * policy.window, fault, every=policy.window / 6))
            await fleet.crowd(gaps(fleet.random, gap, 1.5 * policy.window), lambda: fleet.random.randint(1, largest))
        fleet.assert_bounded(sources=stores + 1, late=2 * stores * (BUDGET + SLOWEST))
        assert fleet.longest <= 2 * stores * (BUDGET + SLOWEST)

    replay(outages, 60)


@BOTH
def test_without_a_backup_an_outage_refuses_no_steady_client_and_ends_by_itself(policy: Policy) -> None:
    async def outage(seed: int) -> None:
        fleet = Fleet(seed, policy)
        (store,) = fleet.stores
        until = fleet.random.uniform(0.3, 0.6) * policy.window

        async def lasting() -> None:
            await asyncio.sleep(fleet.random.uniform(0, until))
            store.down = True
            await asyncio.sleep(until)
            store.down = False

        async with asyncio.TaskGroup() as group:
            group.create_task(lasting())
            for at in range(int(1.5 * policy.quota / 8)):
                group.create_task(fleet.request(8, fleet.workers[at % fleet.size]))
                await asyncio.sleep(8 / fleet.rate)
        asked = store.calls
        await fleet.crowd([0.0] * 50, lambda: 8)
        assert fleet.refused <= 50
        assert fleet.tokens() >= int(1.5 * policy.quota / 8) * 8
        assert store.calls > asked

    replay(outage, 200)
