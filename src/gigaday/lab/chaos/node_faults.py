"""Experiments with nodes and balancers: they crash, freeze, restart, fail fast."""

import sys

from gigaday.lab.chaos.expectations import (
    ALL,
    READS,
    errors_last_at_most,
    no_errors,
    recovered_within,
    served,
    slowest,
)
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.member import Member
from gigaday.lab.servers import node

RESTARTS = 20


def _victim(scene: Scene) -> Member:
    victim = scene.random.choice(scene.lab.of_kind("node"))
    scene.notes.append(f"the node is {victim.name}")
    return victim


def crash(scene: Scene) -> None:
    """SIGKILL to one node."""
    _victim(scene).kill()


def freeze(scene: Scene) -> None:
    """SIGSTOP to one node."""
    _victim(scene).freeze()


def restart(scene: Scene) -> None:
    """SIGTERM to one node after the other, each started again before the next, until time is up."""
    done = 0
    while not scene.ending() and done < RESTARTS:
        member = scene.lab.of_kind("node")[done % len(scene.lab.of_kind("node"))]
        code = member.terminate()
        if code not in (0, None):
            scene.notes.append(f"{member.name} exited with {code}")
        member.start()
        node.wait_ready(member)
        done += 1
    scene.notes.append(f"{done} restarts")


def fail_fast(scene: Scene) -> None:
    """In a node's place, a server that says it is ready and answers 500 to everything else, at once."""
    victim = _victim(scene)
    victim.kill()
    folder = victim.folder
    command = [sys.executable, "-m", "gigaday.lab.chaos.sick_node", str(victim.port)]
    sick = Member(f"{victim.name}-sick", "node", command, folder, {"port": victim.port})
    sick.start()
    scene.undo.callback(sick.kill)


def kill_balancer(scene: Scene) -> None:
    """SIGKILL to the balancer that clients use."""
    scene.lab.of_kind("balancer")[0].kill()


EXPERIMENTS = (
    Experiment(
        "node-crash", "One of the nodes crashes", crash,
        [no_errors(*READS), no_errors("create", "change", at_most=0), recovered_within(2)],
    ),
    Experiment(
        "node-freeze", "One of the nodes freezes", freeze,
        [no_errors(*READS), errors_last_at_most(2, *ALL), slowest(0.99, 0.5, *READS, after=2)],
    ),
    Experiment("rolling-restart", "The nodes are restarted in turn under load", restart, [no_errors(*ALL)]),
    Experiment(
        "node-fails-fast", "A node answers 500 to everything, at once", fail_fast,
        [no_errors(*ALL, at_most=10)],
    ),
    Experiment(
        "balancer-dies", "The balancer that clients use dies", kill_balancer,
        [errors_last_at_most(1, *ALL), served(0.98, *ALL)],
    ),
)  # fmt: skip
