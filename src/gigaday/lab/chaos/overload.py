"""Experiments with load alone: a spike, a hot key, clients that are slow."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from gigaday.lab import scale
from gigaday.lab.chaos import crowds, tenants
from gigaday.lab.chaos.crowds import Seen
from gigaday.lab.chaos.expectations import ALL, READS, no_errors, recovered_within, slower_by_at_most
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.chaos.fleet_expectations import calm_after, counted_at_most, goodput_kept, one_load_each
from gigaday.lab.chaos.flood import Source
from gigaday.lab.chaos.traffic import Mix
from gigaday.lab.laboratory import Lab
from gigaday.lab.servers.programs import find
from gigaday.lab.waiting import ServerMissing

SLOW_CLIENTS = 2_000
HOT_CLIENTS = 2_000
SPIKE = 10
PEAK_CLIENTS = 24
ADDED = 1
_MEASURED = 3.0

Crowd = Callable[[str, str, int, float], Seen]


def _flooded(lab: Lab) -> str:
    try:
        find("h2load")
    except ServerMissing as error:
        return str(error)
    return ""


def _beside(scene: Scene, crowd: Crowd, count: int) -> None:
    """Lets a crowd come, in a process of its own."""
    address = str(scene.lab.facts["balancer"]).removeprefix("http://")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        coming: Future[Seen] = pool.submit(crowd, address, str(scene.lab.facts["demo_token"]), count, scene.seconds)
        seen = coming.result()
    scene.notes.append(seen.told)
    scene.counted |= {"rounds": seen.rounds, "failed": seen.failed}


def slow_clients(scene: Scene) -> None:
    """Many clients open a connection and send a byte of their headers every few seconds."""
    _beside(scene, crowds.slow, SLOW_CLIENTS)


def spike(scene: Scene) -> None:
    """First, what the deployment can do is measured; then ten times as much comes. A node is added meanwhile, and
    drained away afterwards."""
    began = time.monotonic()
    before = len(scene.lab.of_kind("node"))
    scene.undo.callback(scale.scale, scene.lab, before)
    token = asyncio.run(tenants.token(scene.lab, "unlimited"))
    source = Source(str(scene.lab.facts["balancer"]), token, scene.lab.folder)
    peak = source.peak(PEAK_CLIENTS, _MEASURED)
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(scale.scale, scene.lab, before + ADDED)
        flood = source.at(SPIKE * peak.good, max(_MEASURED, (scene.seconds - _MEASURED) / 2))
        adding.result()
    scene.counted |= {
        "peak": peak.good, "asked": flood.rate, "good": flood.good, "failed": flood.failed,
        "refused p50": flood.refused_p50, "over": time.monotonic() - began,
    }  # fmt: skip
    scale.scale(scene.lab, before)
    scene.notes.append(
        f"{flood.rate:.0f} requests a second came, {flood.good:.0f} were answered well (before: {peak.good:.0f}), and "
        f"{flood.refused} refused in all"
    )


def hot_key(scene: Scene) -> None:
    """A crowd asks for one product all at once, again and again, each time just after it was changed."""
    _beside(scene, crowds.same, HOT_CLIENTS)


EXPERIMENTS = (
    Experiment(
        "spike", "Ten times as much as there is room for comes", spike,
        [
            goodput_kept(0.9), counted_at_most("failed", 0, "the rest is answered 429 or 503"),
            counted_at_most("refused p50", 0.005, "half of the refusals within 5 ms"), calm_after("over", 10),
            recovered_within(10),
        ],
        needs=_flooded,
    ),
    Experiment(
        "hot-key", "2,000 clients want one key that expires", hot_key,
        [no_errors(*ALL), one_load_each(), counted_at_most("failed", 0, "all are answered"), recovered_within(5)],
        mix=Mix(rate=20, reads=0, lists=0, creates=1, changes=0),
    ),
    Experiment(
        "slow-clients", "2,000 clients send their headers slowly", slow_clients,
        [no_errors(*ALL), slower_by_at_most(0.02, 0.99, *READS)],
    ),
)  # fmt: skip
