"""What a node counts of its requests: plain ints, read by exporters when they are scraped."""

from bisect import bisect_left

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency buckets, in seconds; one more bucket holds what is slower."""
_LEAST = BOUNDS[0]


class Counters:
    """Plain ints that exporters read when they are scraped."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.hot = 0
        """Requests that the hot path answered."""
        self.aborted = 0
        """Requests that ended by an exception or without an answer."""
        self.statuses: dict[int, int] = {}
        self.latency = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def record(self, status: int, seconds: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latency[bisect_left(BOUNDS, seconds) if seconds > _LEAST else 0] += 1
        self.seconds += seconds
