import heapq
import random

import pytest

from gigaday.rules.concurrency import AdaptiveLimit


class Node:
    """A simulated node: `cores` requests are worked on at once, `service` seconds each; more of them slow all down."""

    def __init__(self, limit: AdaptiveLimit, *, cores: int, service: float, seed: int = 1) -> None:
        self.limit, self.cores, self.service = limit, cores, service
        self.random = random.Random(seed)
        self.ends: list[tuple[float, float]] = []
        self.now, self.done, self.refused, self.latencies = 0.0, 0, 0, list[float]()

    def run(self, rate: float, seconds: float) -> None:
        """Open-loop arrivals, `rate` a second."""
        until = self.now + seconds
        self.done, self.refused, self.latencies = 0, 0, []
        while self.now < until:
            self.now += self.random.expovariate(rate)
            while self.ends and self.ends[0][0] <= self.now:
                end, begun = heapq.heappop(self.ends)
                self.done += 1
                self.latencies.append(end - begun)
                self.limit.record(end - begun, len(self.ends) + 1, end)
            if len(self.ends) >= self.limit.value:
                self.refused += 1
                continue
            latest = max([end for end, _ in self.ends[-self.cores :]], default=self.now)
            slot = max(self.now, latest) if len(self.ends) >= self.cores else self.now
            heapq.heappush(self.ends, (slot + self.service / self.cores * self.random.uniform(0.8, 1.2), self.now))


def node(seed: int = 1) -> Node:
    return Node(AdaptiveLimit(least=8, most=1_000), cores=4, service=0.004, seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_ten_times_the_load_neither_halves_the_work_done_nor_lets_the_queue_grow(seed: int) -> None:
    busy = node(seed=seed)
    busy.run(rate=700, seconds=10)
    before, usual = busy.done, sum(busy.latencies) / len(busy.latencies)
    busy.run(rate=7_000, seconds=10)
    assert busy.done >= before
    late = busy.latencies[len(busy.latencies) // 2 :]
    assert sum(late) / len(late) < 0.2 < 1_000 * usual
    assert busy.limit.value < 500


def test_an_idle_node_keeps_its_limit() -> None:
    idle = node()
    idle.run(rate=20, seconds=30)
    assert idle.limit.value == 1_000
    assert idle.refused == 0


def test_a_burst_of_quick_work_is_admitted() -> None:
    limit = AdaptiveLimit(least=8, most=1_000)
    for step in range(20_000):
        burst = step >= 10_000
        limit.record(0.02 if burst else 0.000_1, in_flight=200 if burst else 1, now=step * 0.02)
    assert limit.value == 1_000


def test_one_slow_caller_after_another_teaches_nothing() -> None:
    limit = AdaptiveLimit(least=8, most=1_000)
    for step in range(5_000):
        limit.record(0.001 if step < 1_000 else 2.0, in_flight=1, now=step * 0.15)
    assert limit.value == 1_000


def test_after_the_spike_everything_is_admitted_again() -> None:
    spiked = node()
    spiked.run(rate=700, seconds=10)
    spiked.run(rate=7_000, seconds=10)
    spiked.run(rate=700, seconds=10)
    spiked.run(rate=700, seconds=10)
    assert spiked.refused <= 0.01 * spiked.done


def test_stays_between_its_bounds() -> None:
    limit = AdaptiveLimit(least=8, most=100)
    for step in range(10_000):
        limit.record(0.001 * 2 ** (step / 500), in_flight=100, now=step * 0.02)
        assert 8 <= limit.value <= 100
    for step in range(10_000):
        limit.record(0.000_1, in_flight=100, now=200 + step * 0.02)
    assert limit.value == 100
