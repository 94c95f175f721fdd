"""Experiments with nodes and balancers: they crash, freeze, restart, fail fast."""

import sys
from collections.abc import Callable

from gigaday.lab.chaos.expectations import (
    ALL,
    READS,
    WRITES,
    errors_last_at_most,
    no_errors,
    recovered_within,
    served,
    slower_by_at_most,
    slowest,
)
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.chaos.fleet_expectations import only_that_one_out, out_within
from gigaday.lab.member import Member
from gigaday.lab.servers import node

RESTARTS = 20


def _victim(scene: Scene) -> Member:
    victim = scene.random.choice(scene.lab.of_kind("node"))
    scene.notes.append(f"the node is {victim.name}")
    scene.hit = victim.name
    return victim


def crash(scene: Scene) -> None:
    """SIGKILL to one node."""
    _victim(scene).kill()


def freeze(scene: Scene) -> None:
    """SIGSTOP to one node."""
    _victim(scene).freeze()


def restart(scene: Scene) -> None:
    """SIGTERM to one node after the other, each started again before the next, until time is up."""
    _restart(scene, scene.ending)


def restart_twenty(scene: Scene) -> None:
    """SIGTERM to one node after the other, each started again before the next, twenty times, however long it takes."""
    _restart(scene, lambda: False)


def _restart(scene: Scene, ending: Callable[[], bool]) -> None:
    done, nodes = 0, scene.lab.of_kind("node")
    while not ending() and done < RESTARTS:
        _again(scene, nodes[done % len(nodes)])
        done += 1
    scene.notes.append(f"{done} restarts")


def _again(scene: Scene, member: Member) -> None:
    code = member.terminate()
    if code not in (0, None):
        scene.notes.append(f"{member.name} exited with {code}")
    member.start()
    node.wait_ready(member)


def restart_one(scene: Scene) -> None:
    """SIGTERM to one node, which is started again once it has ended."""
    _again(scene, _victim(scene))


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
        [out_within(1), only_that_one_out(), no_errors(*READS), no_errors(*WRITES), recovered_within(2)],
    ),
    Experiment(
        "node-freeze", "One of the nodes freezes", freeze,
        [
            out_within(2), only_that_one_out(), no_errors(*READS), errors_last_at_most(2, *ALL),
            slowest(1, 2.5, *READS), slower_by_at_most(0.05, 0.99, *READS, after=2),
        ],
    ),
    Experiment("node-restart", "One of the nodes is restarted under load", restart_one, [no_errors(*ALL)]),
    Experiment("rolling-restart", "The nodes are restarted in turn under load", restart, [no_errors(*ALL)]),
    Experiment("twenty-restarts", "The nodes are restarted twenty times under load", restart_twenty, [no_errors(*ALL)]),
    Experiment(
        "node-fails-fast", "A node answers 500 to everything, at once", fail_fast,
        [out_within(5), only_that_one_out(), no_errors(*ALL, at_most=10)],
    ),
    Experiment(
        "balancer-dies", "The balancer that clients use dies", kill_balancer,
        [errors_last_at_most(1, *ALL), served(0.98, *ALL)],
    ),
)  # fmt: skip
