"""What an experiment is: a fault, the way back, and what is expected meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.traffic import Mix
from gigaday.lab.chaos.watch import Glance
from gigaday.lab.faults import Faults
from gigaday.lab.laboratory import Lab


@dataclass
class Scene:
    """What a fault has to work with: it lasts `seconds`, until `ending()`. Members and proxies are healed after it in
    any case; what else it does, it puts the way back of into `undo`. `hit` names the member that it hurts,
    `lifted` is the monotonic second at which it began to be undone, and `counted` what it has counted itself. `notes`
    go into the report; `failure` says why the fault could not be made."""

    lab: Lab
    faults: Faults
    random: Random
    seconds: float
    ending: Callable[[], bool] = lambda: False
    undo: ExitStack = field(default_factory=ExitStack)
    hit: str = ""
    lifted: float = 0.0
    counted: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str = ""


@dataclass(frozen=True)
class Run:
    """What was seen: `fault` and `rollback` are when the fault began and had ended, in seconds since the start (both 0
    in a control run); `lifted`, when it began to end. `hit` names the member that was hurt, `glances` are what the
    balancer did, and `counted` is by how much the nodes' counters grew from just before the fault until it had ended
    (in a control run: in all of it), and what the fault counted."""

    samples: Sequence[Sample]
    seconds: float
    fault: float = 0.0
    rollback: float = 0.0
    notes: Sequence[str] = ()
    hit: str = ""
    lifted: float = 0.0
    glances: Sequence[Glance] = ()
    counted: Mapping[str, float] = field(default_factory=dict)

    def during(self, *kinds: str, after: float = 0.0) -> list[Sample]:
        """Requests due while the fault lasted, from `after` seconds on; of all kinds where none is named."""
        begun, ended = self.fault + after, self.rollback
        return [one for one in self.samples if begun <= one.due < ended and (not kinds or one.kind in kinds)]

    def before(self, *kinds: str) -> list[Sample]:
        """Those due before the fault."""
        return [one for one in self.samples if one.due < self.fault and (not kinds or one.kind in kinds)]

    def of(self, *kinds: str) -> list[Sample]:
        return [one for one in self.samples if not kinds or one.kind in kinds]


@dataclass(frozen=True)
class Finding:
    """One expectation: what was to be, what was seen, what the control run showed, and whether it holds."""

    expected: str
    seen: str
    holds: bool
    control: str = ""


Expectation = Callable[[Run, Run], Finding]
"""Judges a run beside its control run."""


@dataclass(frozen=True)
class Experiment:
    """`fault` runs in a thread, and may go on until `scene.ending()`. A client waits `timeout` seconds for an answer.
    `greedy`: beside the usual clients, a tenant asks for three times what its limit gives. `needs` says what a
    laboratory lacks for it."""

    name: str
    title: str
    fault: Callable[[Scene], None]
    expectations: Sequence[Expectation]
    mix: Mix = field(default_factory=Mix)
    timeout: float = 10.0
    greedy: bool = False
    needs: Callable[[Lab], str] = lambda lab: ""


@dataclass(frozen=True)
class Outcome:
    """All that is known of one experiment after it was run."""

    experiment: Experiment
    seed: int
    run: Run
    control: Run
    verdict: Verdict
    findings: Sequence[Finding]
    steady: str = ""

    @property
    def passed(self) -> bool:
        return all(finding.holds for finding in self.findings)
