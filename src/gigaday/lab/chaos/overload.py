"""Experiments with load alone: a spike, a hot key, clients that are slow."""

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from gigaday.lab import scale
from gigaday.lab.chaos import crowds
from gigaday.lab.chaos.expectations import ALL, READS, goodput, no_errors, recovered_within, slower_by_at_most
from gigaday.lab.chaos.experiment import Experiment, Scene

SLOW_CLIENTS = 2_000
HOT_CLIENTS = 2_000
SPIKE_CLIENTS = 200
ADDED = 1

Crowd = Callable[[str, str, int, float], str]


def _beside(scene: Scene, crowd: Crowd, count: int, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Lets a crowd come, in a process of its own."""
    address = str(scene.lab.facts["balancer"]).removeprefix("http://")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        coming: Future[str] = pool.submit(crowd, address, str(scene.lab.facts["demo_token"]), count, scene.seconds)
        meanwhile()
        scene.notes.append(coming.result())


def slow_clients(scene: Scene) -> None:
    """Many clients open a connection and send a byte of their headers every few seconds."""
    _beside(scene, crowds.slow, SLOW_CLIENTS)


def spike(scene: Scene) -> None:
    """A crowd asks for lists as fast as it is answered; a node is added meanwhile, and drained away afterwards."""
    before = len(scene.lab.of_kind("node"))
    scene.undo.callback(scale.scale, scene.lab, before)
    _beside(scene, crowds.impatient, SPIKE_CLIENTS, lambda: scale.scale(scene.lab, before + ADDED))


def hot_key(scene: Scene) -> None:
    """A crowd asks for one product all at once, again and again, each time just after it was changed."""
    _beside(scene, crowds.same, HOT_CLIENTS)


EXPERIMENTS = (
    Experiment("spike", "Many times the usual load comes", spike, [goodput(0.9), recovered_within(10)]),
    Experiment("hot-key", "2,000 clients want one key that expires", hot_key, [no_errors(*READS), recovered_within(5)]),
    Experiment(
        "slow-clients", "2,000 clients send their headers slowly", slow_clients,
        [no_errors(*ALL), slower_by_at_most(0.02, 0.99, *READS)],
    ),
)  # fmt: skip
