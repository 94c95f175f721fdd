"""How many nodes a fleet should have: pure arithmetic over what was observed.

Source: Knative's pod autoscaler. Work in flight, averaged over a window, is shared out so that each node has `target`
of it. A short window, for panic, adds nodes at once when twice as many are needed; a long one keeps them until nothing
in it has asked for as many. What is refused is not in flight, so that a flood of refusals adds nothing; and while what
all nodes depend on is slow, more of them would only queue there, so that none is added.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple


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
    panic_at: float = 2.0
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
    _panic_until: float = -math.inf

    def advise(self, sample: Sample) -> Advice:
        """How many nodes to have from now on."""
        bounds, now = self.bounds, sample.at
        if sample.held_up:
            # Nor does what piles up meanwhile tell anything of the nodes.
            return Advice(self._within(sample.nodes), "what the nodes depend on is slow: more of them would not help")
        if self._samples and sample.nodes > self._samples[-1].nodes:
            # What queued for want of nodes that are here now says nothing of how many more it takes.
            self._samples.clear()
        self._samples.append(sample)
        while self._samples[0].at <= now - bounds.window:
            self._samples.popleft()
        usual, sudden = self._needed(bounds.window), self._needed(bounds.panic_window)
        if sudden >= bounds.panic_at * max(1, sample.nodes):
            self._panic_until = now + bounds.window
        wanted = max(usual, sudden)
        if wanted > sample.nodes:
            return self._up(sample, wanted)
        return self._down(sample, wanted)

    def _up(self, sample: Sample, wanted: int) -> Advice:
        step = self._within(min(wanted, math.ceil(max(1, sample.nodes) * self.bounds.growth)))
        self._ask(sample.at, step)
        return Advice(step, f"{sample.in_flight:g} in flight need {wanted} nodes at {self.bounds.target:g} each")

    def _down(self, sample: Sample, wanted: int) -> Advice:
        self._ask(sample.at, wanted)
        if sample.at < self._panic_until:
            return Advice(self._within(sample.nodes), "a spike has only just been: nothing is taken away")
        kept = max(asked for _, asked in self._asked)
        slowest = sample.nodes - max(1, math.floor(sample.nodes * self.bounds.shrink))
        step = self._within(min(sample.nodes, max(kept, slowest)))
        return Advice(step, "as needed" if step == sample.nodes else f"{kept} were enough for {self.bounds.window:g} s")

    def _needed(self, window: float) -> int:
        since = self._samples[-1].at - window
        seen = [sample.in_flight for sample in self._samples if sample.at > since]
        return math.ceil(sum(seen) / len(seen) / self.bounds.target)

    def _ask(self, now: float, nodes: int) -> None:
        self._asked.append((now, nodes))
        while self._asked[0][0] <= now - self.bounds.window:
            self._asked.popleft()

    def _within(self, nodes: int) -> int:
        return max(self.bounds.least, min(self.bounds.most, nodes))
