"""What became of each request, and the figures made of many."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

_SERVER_FAILED = 500


@dataclass(frozen=True)
class Sample:
    """One request of a client, retries included. Times in seconds since the run began; `status` is the last one, 0
    where no answer came; `took` counts from when it was due; `hit`: it was found in a cache."""

    due: float
    took: float
    kind: str
    status: int
    attempts: int = 1
    degraded: str = ""
    code: str = ""
    faults: tuple[str, ...] = ()
    hit: bool = False

    @property
    def is_error(self) -> bool:
        """Not answered, or answered that the server failed."""
        return self.status == 0 or self.status >= _SERVER_FAILED

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 400

    @property
    def ended(self) -> float:
        return self.due + self.took


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that at least `share` (0..1) of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(frozen=True)
class Slice:
    """A moment of a run: `at` seconds since it began, requests a second, failed ones a second, and milliseconds."""

    at: float
    rate: float
    errors: float
    p50: float
    p99: float


def slices(samples: Sequence[Sample], width: float = 0.5) -> list[Slice]:
    """By when requests were due, in order; a moment without a request is left out."""

    def place(sample: Sample) -> int:
        return int(sample.due / width)

    return [
        _slice(number * width, width, list(group)) for number, group in groupby(sorted(samples, key=place), key=place)
    ]


def _slice(at: float, width: float, samples: list[Sample]) -> Slice:
    took = [sample.took * 1_000 for sample in samples]
    errors = sum(sample.is_error for sample in samples) / width
    return Slice(at, len(samples) / width, errors, percentile(took, 0.5), percentile(took, 0.99))


def longest_failing(samples: Sequence[Sample], gap: float = 1.0) -> float:
    """Seconds from the first to the last failure of the longest run of failures with less than `gap` between them."""
    longest, first, last = 0.0, -math.inf, -math.inf
    for at in sorted(sample.due for sample in samples if sample.is_error):
        if at - last > gap:
            first = at
        last = at
        longest = max(longest, last - first)
    return longest


def statuses(samples: Iterable[Sample]) -> str:
    """How many of each status, as text."""
    counts = Counter(sample.status for sample in samples)
    return ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(counts.items())) or "none"
