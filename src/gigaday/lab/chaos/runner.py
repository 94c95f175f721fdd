"""Runs one experiment: steady state, a control run, the run with the fault, steady state again, and the judgement."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from gigaday.errors import GigadayError
from gigaday.lab.chaos import steady, tenants, watch
from gigaday.lab.chaos.expectations import well_told
from gigaday.lab.chaos.experiment import Experiment, Finding, Outcome, Run, Scene
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.tenants import NotSteady
from gigaday.lab.chaos.traffic import Traffic, Unanswered
from gigaday.lab.faults import Faults
from gigaday.lab.healing import heal
from gigaday.lab.laboratory import Lab

Tell = Callable[[str, float], None]
"""Called with what is being done, and the seconds that it will take."""

STEADY_SECONDS = 60.0
_LEAD, _TAIL = 0.2, 0.3
"""Shares of a run before the fault and after it."""


async def run(experiment: Experiment, lab: Lab, seed: int, seconds: float, tell: Tell) -> Outcome:
    """The fault has ended in any case when this returns or raises. Raises NotSteady."""
    tell("steady state", 0)
    wrong = await asyncio.to_thread(steady.wait, lab, STEADY_SECONDS)
    if wrong:
        raise NotSteady(f"{experiment.name} was not begun: {wrong}")
    tell("control", seconds)
    control = await _control(experiment, lab, seed, seconds)
    tell("fault", seconds)
    seen, traffic, wrong = await _faulted(experiment, lab, seed, seconds)
    tell("history", 0)
    try:
        verdict = traffic.history.judge(await held(traffic))
    finally:
        await traffic.client.close()
    return Outcome(experiment, seed, seen, control, verdict, _judged(experiment, seen, control, verdict, wrong), wrong)


@dataclass
class _Clients:
    """All that ask meanwhile: the usual ones, and perhaps a greedy one."""

    usual: Traffic
    greedy: Traffic | None

    @property
    def samples(self) -> Sequence[Sample]:
        also = tenants.of_greedy(self.greedy, self.usual.began) if self.greedy else []
        return [*self.usual.samples, *also]


@asynccontextmanager
async def _clients(experiment: Experiment, lab: Lab, seed: int) -> AsyncIterator[_Clients]:
    """They ask as long as this lasts; the usual ones' client stays open."""
    usual = await tenants.usual(lab, experiment.mix, seed, experiment.timeout)
    if not experiment.greedy:
        async with usual.flowing():
            yield _Clients(usual, None)
        return
    greedy = await tenants.greedy(lab, seed)
    async with usual.flowing(), greedy.flowing():
        yield _Clients(usual, greedy)
    await greedy.client.close()


async def _control(experiment: Experiment, lab: Lab, seed: int, seconds: float) -> Run:
    async with _clients(experiment, lab, seed) as clients:
        before = await asyncio.to_thread(watch.counts, lab)
        await asyncio.sleep(seconds)
        after = await asyncio.to_thread(watch.counts, lab)
    await clients.usual.client.close()
    return Run(clients.samples, seconds, counted=watch.growth(before, after))


async def _faulted(experiment: Experiment, lab: Lab, seed: int, seconds: float) -> tuple[Run, Traffic, str]:
    fault, rollback = seconds * _LEAD, seconds * (1 - _TAIL)
    ending, ended = asyncio.Event(), asyncio.Event()
    chance = Random(seed)  # noqa: S311 - the same again is what is wanted
    scene = Scene(lab, faults_of(lab), chance, rollback - fault, ending.is_set)
    scene.undo.callback(heal, lab)
    async with _clients(experiment, lab, seed + 1_000_000) as clients:
        began = clients.usual.began
        watching = asyncio.create_task(asyncio.to_thread(watch.glances, lab, began, ended.is_set))
        try:
            await asyncio.sleep(fault)
            before = await asyncio.to_thread(watch.counts, lab)
            begun = time.monotonic() - began
            await broken(experiment, scene, rollback - fault, ending)
            over = time.monotonic() - began
            after = await asyncio.to_thread(watch.counts, lab)
            await asyncio.sleep(seconds * _TAIL)
        finally:
            ended.set()
    wrong = scene.failure or await asyncio.to_thread(steady.wait, lab, STEADY_SECONDS)
    counted = {**watch.growth(before, after), **scene.counted}
    whole = time.monotonic() - began
    run = Run(
        clients.samples, whole, begun, over, tuple(scene.notes), scene.hit, scene.lifted - began,
        await watching, counted,
    )  # fmt: skip
    return run, clients.usual, wrong


async def broken(experiment: Experiment, scene: Scene, seconds: float, ending: asyncio.Event) -> None:
    """Returns once the fault has lasted, and has been undone."""
    doing = asyncio.create_task(asyncio.to_thread(experiment.fault, scene))
    try:
        await asyncio.sleep(seconds)
    finally:
        ending.set()
        # Shielded, since whoever is cancelled here would leave the deployment broken.
        await asyncio.shield(_rolled_back(scene, doing))


async def _rolled_back(scene: Scene, doing: asyncio.Task[None]) -> None:
    """After the fault has been made, or has failed: two at the same processes would undo each other."""
    await asyncio.wait([doing])
    if error := doing.exception():
        scene.failure = f"the fault could not be made: {error}"
    scene.lifted = time.monotonic()
    try:
        await asyncio.to_thread(scene.undo.close)
    except (GigadayError, OSError) as error:
        scene.notes.append(f"the way back: {error}")


def _judged(experiment: Experiment, seen: Run, control: Run, verdict: Verdict, wrong: str) -> list[Finding]:
    lost, doubled = len(verdict.lost), len(verdict.doubled)
    told = f" ({verdict.acknowledged} acknowledged)"
    return [
        *(expectation(seen, control) for expectation in experiment.expectations),
        well_told()(seen, control),
        Finding("no acknowledged write lost", f"{lost} lost{told}" + _some(verdict.lost), not lost),
        Finding("no write applied twice", f"{doubled}" + _some(verdict.doubled), not doubled),
        Finding("own writes are read", f"{len(verdict.stale)} stale" + _some(verdict.stale), not verdict.stale),
        Finding("steady state again", wrong or "steady", not wrong),
    ]


def _some(texts: list[str]) -> str:
    return "".join(f"; {text}" for text in texts[:3])


async def held(traffic: Traffic, seconds: float = 15.0) -> list[dict[str, Any]]:
    """What is there in the end, as soon as it can be read."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await traffic.held()
        except Unanswered:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.25)


def faults_of(lab: Lab) -> Faults:
    """A laboratory without a fault proxy has experiments that do without one."""
    return Faults(str(lab.facts.get("fault_proxy", "http://127.0.0.1:9")))
