"""Faults one after another, in a random order, under one load: what share of reads is served all the while."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from gigaday.lab.chaos import catalogue, runner, steady, tenants
from gigaday.lab.chaos.expectations import READS
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.traffic import Mix
from gigaday.lab.healing import heal
from gigaday.lab.laboratory import Lab

SHARE = 0.9999
FAULTS = (
    "node-crash", "node-freeze", "node-restart", "balancer-dies", "redis-primary", "redis-partition",
    "redis-lost", "redis-all-lost", "redis-slow", "redis-silent", "mongo-primary", "mongo-steps-down",
    "mongo-lost-reply", "mongo-lagging", "mongo-no-primary", "store-down", "store-slow", "store-resets",
)  # fmt: skip
"""Those that reads are to survive whole: not the loss of every copy, nor more load than there is room for, nor a node
that fails at once, which is granted ten failures before it is taken out."""
_LASTS = (4.0, 10.0)
_CALM = (1.0, 4.0)
_MIX = Mix(rate=60, reads=0.68, lists=0.1, creates=0.1, changes=0.08, uploads=0.04)


@dataclass(frozen=True)
class Round:
    """One fault: when it began and had ended, in seconds since the soak began, and what became of the reads from its
    beginning until the next one's."""

    fault: str
    begun: float
    ended: float
    reads: int = 0
    lost: int = 0
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Soak:
    """All of it. `wrong` says why it ended before its time."""

    seed: int
    seconds: float
    rounds: Sequence[Round]
    reads: int
    lost: int
    verdict: Verdict
    wrong: str
    samples: Sequence[Sample]

    @property
    def share(self) -> float:
        return 1 - self.lost / self.reads if self.reads else 0.0

    @property
    def passed(self) -> bool:
        return self.share >= SHARE and not (
            self.verdict.lost or self.verdict.doubled or self.verdict.stale or self.wrong
        )


async def soak(lab: Lab, seed: int, seconds: float, tell: runner.Tell) -> Soak:
    """Every fault is healed before the next, and the deployment is steady again. Raises NotSteady."""
    wrong = await asyncio.to_thread(steady.wait, lab, runner.STEADY_SECONDS)
    if wrong:
        raise tenants.NotSteady(f"the soak was not begun: {wrong}")
    chance = Random(seed)  # noqa: S311 - the same again is what is wanted
    traffic = await tenants.usual(lab, _MIX, seed, 10.0)
    rounds: list[Round] = []
    async with traffic.flowing():
        for experiment in _order(lab, chance):
            await asyncio.sleep(chance.uniform(*_CALM))
            begun = time.monotonic() - traffic.began
            if begun > seconds:
                break
            lasts = chance.uniform(*_LASTS)
            tell(experiment.name, lasts)
            notes, wrong = await _broken(experiment, lab, chance, lasts)
            rounds.append(Round(experiment.name, begun, time.monotonic() - traffic.began, notes=notes))
            if wrong := wrong or await asyncio.to_thread(steady.wait, lab, runner.STEADY_SECONDS):
                break
    lasted = time.monotonic() - traffic.began
    try:
        verdict = traffic.history.judge(await runner.held(traffic))
    finally:
        await traffic.client.close()
    reads = [one for one in traffic.samples if one.kind in READS]
    lost = sum(not one.is_good for one in reads)
    told = _counted(rounds, reads)
    return Soak(seed, lasted, told, len(reads), lost, verdict, wrong, traffic.samples)


def _order(lab: Lab, chance: Random) -> Iterator[Experiment]:
    """Without end: all of them in a random order, and then in another one."""
    possible = [one for name in FAULTS for one in catalogue.named(name) if not one.needs(lab)]
    while True:
        yield from chance.sample(possible, len(possible))


async def _broken(experiment: Experiment, lab: Lab, chance: Random, seconds: float) -> tuple[list[str], str]:
    ending = asyncio.Event()
    scene = Scene(lab, runner.faults_of(lab), chance, seconds, ending.is_set)
    scene.undo.callback(heal, lab)
    await runner.broken(experiment, scene, seconds, ending)
    return scene.notes, scene.failure


def _counted(rounds: Sequence[Round], reads: Sequence[Sample]) -> list[Round]:
    """Each with the reads that were due from its beginning until the next one's."""
    ends = [*(one.begun for one in rounds[1:]), float("inf")]
    found = []
    for one, end in zip(rounds, ends, strict=True):
        its = [read for read in reads if one.begun <= read.due < end]
        lost = sum(not read.is_good for read in its)
        found.append(Round(one.fault, one.begun, one.ended, len(its), lost, one.notes))
    return found
