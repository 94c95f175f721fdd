"""Runs one experiment: steady state, a control run, the run with the fault, steady state again, and the judgement."""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Any

from gigaday.errors import GigadayError
from gigaday.lab.chaos import steady
from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.expectations import well_told
from gigaday.lab.chaos.experiment import Experiment, Finding, Outcome, Run, Scene
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.traffic import API, Traffic, Unanswered
from gigaday.lab.faults import Faults
from gigaday.lab.healing import heal
from gigaday.lab.laboratory import Lab

Tell = Callable[[str, float], None]
"""Called with what is being done, and the seconds that it will take."""

_STEADY_SECONDS = 60.0
_LEAD, _TAIL = 0.2, 0.3
"""Shares of a run before the fault and after it."""


class NotSteady(GigadayError):
    """The deployment is not as it should be, so nothing can be learnt from breaking it."""


async def run(experiment: Experiment, lab: Lab, seed: int, seconds: float, tell: Tell) -> Outcome:
    """The fault has ended in any case when this returns or raises. Raises NotSteady."""
    tell("steady state", 0)
    wrong = await asyncio.to_thread(steady.wait, lab, _STEADY_SECONDS)
    if wrong:
        raise NotSteady(f"{experiment.name} was not begun: {wrong}")
    tell("control", seconds)
    control, _ = await _control(experiment, lab, seed, seconds)
    tell("fault", seconds)
    seen, traffic, wrong = await _faulted(experiment, lab, seed, seconds)
    tell("history", 0)
    try:
        verdict = traffic.history.judge(await _held(traffic))
    finally:
        await traffic.client.close()
    return Outcome(experiment, seed, seen, control, verdict, _judged(experiment, seen, control, verdict, wrong), wrong)


async def _control(experiment: Experiment, lab: Lab, seed: int, seconds: float) -> tuple[Run, Traffic]:
    traffic = await _traffic(experiment, lab, seed)
    async with traffic.flowing():
        await asyncio.sleep(seconds)
    await traffic.client.close()
    return Run(traffic.samples, seconds), traffic


async def _faulted(experiment: Experiment, lab: Lab, seed: int, seconds: float) -> tuple[Run, Traffic, str]:
    traffic = await _traffic(experiment, lab, seed + 1_000_000)
    fault, rollback = seconds * _LEAD, seconds * (1 - _TAIL)
    ended = asyncio.Event()
    scene = Scene(lab, _faults(lab), Random(seed), rollback - fault, ended.is_set)  # noqa: S311
    scene.undo.callback(heal, lab)
    async with traffic.flowing():
        await asyncio.sleep(fault)
        begun = time.monotonic() - traffic.began
        doing = asyncio.create_task(asyncio.to_thread(experiment.fault, scene))
        try:
            await asyncio.sleep(rollback - fault)
        finally:
            ended.set()
            # Shielded, since whoever is cancelled here would leave the deployment broken.
            await asyncio.shield(_rolled_back(scene, doing))
        over = time.monotonic() - traffic.began
        await asyncio.sleep(seconds * _TAIL)
    wrong = scene.failure or await asyncio.to_thread(steady.wait, lab, _STEADY_SECONDS)
    whole = time.monotonic() - traffic.began
    return Run(traffic.samples, whole, begun, over, tuple(scene.notes)), traffic, wrong


async def _rolled_back(scene: Scene, doing: asyncio.Task[None]) -> None:
    """After the fault has been made, or has failed: two at the same processes would undo each other."""
    await asyncio.wait([doing])
    if error := doing.exception():
        scene.failure = f"the fault could not be made: {error}"
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


async def _held(traffic: Traffic, seconds: float = 15.0) -> list[dict[str, Any]]:
    """What is there in the end, as soon as it can be read."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await traffic.held()
        except Unanswered:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.25)


async def _traffic(experiment: Experiment, lab: Lab, seed: int) -> Traffic:
    """Of a tenant of its own, with what it reads made."""
    addresses = [url.removeprefix("http://") for url in lab.facts["balancers"]]
    operator = Client(addresses, lab.facts["operator_token"])
    id = f"chaos-{time.time_ns():x}"
    token = await _tenant(operator, id)
    await operator.close()
    traffic = Traffic(Client(addresses, token, timeout=experiment.timeout), experiment.mix, seed)
    await traffic.prepare()
    return traffic


async def _tenant(operator: Client, id: str) -> str:
    made = await operator.request("POST", f"{API}/admin/tenants", {"id": id, "name": id, "plan": "standard"})
    if made.status != 201:
        raise NotSteady(f"no tenant could be made: {made.status} {made.text or made.body[:300].decode()}")
    given = await operator.request("POST", f"{API}/admin/tenants/{id}/tokens", {"name": "chaos"})
    if given.status != 201:
        raise NotSteady(f"no token could be made: {given.status} {given.text or given.body[:300].decode()}")
    return str(given.json()["token"])


def _faults(lab: Lab) -> Faults:
    return Faults(str(lab.facts.get("fault_proxy", "http://127.0.0.1:9")))
