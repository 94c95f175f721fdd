"""How many nodes a fleet should have: pure arithmetic over what was observed.

Source: Knative's pod autoscaler. Work in flight, averaged over a window, is shared out so that each node has `target`
of it. A short window, for panic, adds nodes within seconds; a long one keeps them until nothing in it has asked for as
many; nor does whoever has just begun to watch, or could not for as long, take any away.

What is refused is not in flight, so that a flood of refusals adds nothing; and while what all nodes depend on is slow,
more of them would only queue there, so that none is added.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

_HELD_UP = "what the nodes depend on is slow: more of them would not help"


class Sample(NamedTuple):
    """What the fleet was seen to do at `at` (seconds, monotonic): `nodes` that serve, `in_flight` requests admitted and
    not yet answered over all of them, and whether something that they depend on is `held_up`."""

    at: float
    nodes: int
    in_flight: float
    held_up: bool = False


class Advice(NamedTuple):
    """`nodes` to have, and why in words for an operator."""

    nodes: int
    why: str


@dataclass(frozen=True)
class Bounds:
    """Never fewer than `least` nodes nor more than `most`; `target` requests in flight for each. Windows in seconds.
    One step multiplies the fleet by `growth` at most, and takes away no more than the share `shrink` of it."""

    least: int
    most: int
    target: float
    window: float = 60.0
    panic_window: float = 6.0
    growth: float = 3.0
    shrink: float = 0.25

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"the fewest nodes have to be from 1 to the most: {self.least}, {self.most}")
        if self.target <= 0:
            raise ValueError(f"a node's target has to be above 0: {self.target:g}")


@dataclass
class Scaler:
    """Tell it each sample, in order, and do as it advises."""

    bounds: Bounds
    _samples: deque[Sample] = field(default_factory=deque)
    _asked: deque[tuple[float, int]] = field(default_factory=deque)

    def advise(self, sample: Sample) -> Advice:
        """How many nodes to have from now on."""
        bounds, now = self.bounds, sample.at
        if sample.held_up:
            # Nor does what piles up meanwhile tell anything of the nodes.
            kept = self._within(sample.nodes)
            return Advice(kept, _HELD_UP if kept == sample.nodes else f"{sample.nodes} are not within the bounds")
        if self._samples and sample.nodes > self._samples[-1].nodes:
            # What queued for want of nodes that are here now says nothing of how many more it takes.
            self._samples.clear()
        self._samples.append(sample)
        while self._samples[0].at <= now - bounds.window:
            self._samples.popleft()
        usual, sudden = self._needed(bounds.window), self._needed(bounds.panic_window)
        wanted = max(usual, sudden)
        if wanted > sample.nodes:
            return self._up(sample, wanted)
        return self._down(sample, wanted)

    def _up(self, sample: Sample, wanted: int) -> Advice:
        step = self._within(min(wanted, math.ceil(max(1, sample.nodes) * self.bounds.growth)))
        self._ask(sample, step)
        mean = max(self._mean(self.bounds.window), self._mean(self.bounds.panic_window))
        more = f", but {step} are the most" if step == self.bounds.most < wanted else ""
        return Advice(step, f"{mean:.3g} in flight need {wanted} nodes at {self.bounds.target:g} each{more}")

    def _down(self, sample: Sample, wanted: int) -> Advice:
        self._ask(sample, wanted)
        kept = max(asked for _, asked in self._asked)
        slowest = sample.nodes - max(1, math.floor(sample.nodes * self.bounds.shrink))
        step = self._within(min(sample.nodes, max(kept, slowest)))
        return Advice(step, self._why_not_more(sample.nodes, step, wanted, kept))

    def _why_not_more(self, nodes: int, step: int, wanted: int, kept: int) -> str:
        if step < nodes:
            return f"{kept} were enough for {self.bounds.window:g} s"
        if step == self.bounds.least and wanted < step:
            return f"{step} are the fewest"
        return "as needed" if wanted == step else f"{step} were needed within the last {self.bounds.window:g} s"

    def _needed(self, window: float) -> int:
        return math.ceil(self._mean(window) / self.bounds.target)

    def _mean(self, window: float) -> float:
        """Requests in flight."""
        since = self._samples[-1].at - window
        seen = [sample.in_flight for sample in self._samples if sample.at > since]
        return sum(seen) / len(seen)

    def _ask(self, sample: Sample, nodes: int) -> None:
        while self._asked and self._asked[0][0] <= sample.at - self.bounds.window:
            self._asked.popleft()
        if not self._asked:
            # What was needed before is not known.
            self._asked.append((sample.at, sample.nodes))
        self._asked.append((sample.at, nodes))

    def _within(self, nodes: int) -> int:
        return max(self.bounds.least, min(self.bounds.most, nodes))
