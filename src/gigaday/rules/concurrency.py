"""How many requests a node should work on at once, learnt from how long they take.

Source: the gradient algorithm of Netflix's concurrency-limits (Gradient2Limit): the limit is scaled by how the latency
of late compares with the usual one, and given a queue of its square root to find out whether more would do.
"""

import math
from dataclasses import dataclass

_USUAL_SAMPLES = 600
"""Windows over which the usual latency is averaged: it forgets slowly what was normal."""
_SMOOTHING = 0.2
_TOLERANCE = 1.5
"""How much slower than usual is no reason to shrink."""
_HARMLESS = 0.1
"""Seconds that are none either, whatever is usual: work that takes microseconds takes many times that in a burst which
nobody notices."""
_DRIFT = 0.95
_WINDOW_SECONDS = 0.1
_WINDOW_SAMPLES = 10


@dataclass
class AdaptiveLimit:
    """`value` is the limit in force, between `least` and `most`. Seconds throughout, from one monotonic clock."""

    least: int
    most: int
    value: float = 0.0
    usual: float = 0.0
    _seen: int = 0
    _sum: float = 0.0
    _busiest: int = 0
    _begun: float = 0.0

    def __post_init__(self) -> None:
        self.value = self.value or float(self.most)

    def record(self, latency: float, in_flight: int, now: float) -> None:
        """Takes one finished request into account, and `in_flight` that were worked on beside it."""
        self._seen += 1
        self._sum += latency
        self._busiest = max(self._busiest, in_flight)
        if self._seen >= _WINDOW_SAMPLES and now - self._begun >= _WINDOW_SECONDS:
            self._update(self._sum / self._seen)
            self._seen, self._sum, self._busiest, self._begun = 0, 0.0, 0, now

    def _update(self, recent: float) -> None:
        share = 2 / (_USUAL_SAMPLES + 1)
        self.usual = recent if self.usual == 0.0 else self.usual * (1 - share) + recent * share
        if self.usual > 2 * recent:
            # Recovered from a long overload: what was usual then is not what is usual.
            self.usual *= _DRIFT
        gradient = max(0.5, min(1.0, max(_HARMLESS, _TOLERANCE * self.usual) / max(recent, 1e-9)))
        if self._busiest < self.value / 2:
            return  # A node that is half idle says nothing of what it could do, however slow its work is.
        wanted = self.value * gradient + math.sqrt(self.value)
        smoothed = self.value * (1 - _SMOOTHING) + wanted * _SMOOTHING
        self.value = max(float(self.least), min(float(self.most), smoothed))
