"""Experiments with what the machine itself gives: room on a disk, packets that arrive, whoever scrapes the nodes."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gigaday.errors import GigadayError
from gigaday.lab.chaos.expectations import ALL, READS, no_errors, slower_by_at_most
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.chaos.fleet_expectations import counted_at_least
from gigaday.lab.chaos.full_disk import Tried
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import SEARCHED

SCRAPERS = 20
LOSS = 0.05
_SPACE = "24m"
_HERE, _THERE = "10.231.77.1", "10.231.77.2"


def _root(*programs: str) -> Callable[[Lab], str]:
    """What lacks to a lab for a fault that only root can make, by these programs."""

    def lacking(lab: Lab) -> str:
        absent = [program for program in programs if shutil.which(program, path=SEARCHED) is None]
        if os.geteuid() != 0:
            return "only root can make this fault"
        return f"it needs {', '.join(absent)}" if absent else ""

    return lacking


def _do(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 - no words of a stranger
        words, capture_output=True, text=True, env={"PATH": SEARCHED}, timeout=20, check=False
    )
    if done.returncode:
        raise GigadayError(f"{' '.join(words)}: {done.stderr.strip()}")


def fill_disk(scene: Scene) -> None:
    """A node that keeps all in one folder, its log too, has no byte left for it."""
    folder = scene.lab.folder / "full-disk"
    folder.mkdir(exist_ok=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={_SPACE}", "none", str(folder))
    scene.undo.callback(_do, "umount", "-l", str(folder))
    tried = Tried.on(folder)
    scene.undo.callback(tried.node.kill)
    found = tried.run()
    scene.counted |= {name: float(expected) for name, (expected, _) in found.items()}
    scene.notes += [f"{name}: {seen}" for name, (_, seen) in found.items()]


def hang_scrapers(scene: Scene) -> None:
    """Prometheus freezes, and scrapers ask every node for its metrics, and never read what it answers."""
    for member in scene.lab.of_kind("prometheus"):
        member.freeze()
    for member in scene.lab.of_kind("node"):
        for _ in range(SCRAPERS):
            line = scene.undo.enter_context(socket.create_connection(("127.0.0.1", member.port), timeout=2))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            line.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while not scene.ending():
        time.sleep(0.1)


def lose_packets(scene: Scene) -> None:
    """A client in a network of its own: one in twenty of its packets to the balancer is lost, and of the answers'."""
    name = f"gd{os.getpid() % 10_000}"
    here, there = f"{name}a", f"{name}b"
    _do("ip", "netns", "add", name)
    scene.undo.callback(_do, "ip", "netns", "del", name)
    _do("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
    _do("ip", "addr", "add", f"{_HERE}/30", "dev", here)
    _do("ip", "link", "set", here, "up")
    inside = ("ip", "netns", "exec", name)
    _do(*inside, "ip", "addr", "add", f"{_THERE}/30", "dev", there)
    _do(*inside, "ip", "link", "set", there, "up")
    rule = ("-m", "statistic", "--mode", "random", "--probability", str(LOSS), "-j", "DROP")
    _do("iptables", "-A", "INPUT", "-i", here, *rule)
    scene.undo.callback(_do, "iptables", "-D", "INPUT", "-i", here, *rule)
    _do(*inside, "iptables", "-A", "INPUT", "-i", there, *rule)
    _ask_from(scene, inside, name)


def _ask_from(scene: Scene, inside: tuple[str, ...], name: str) -> None:
    balancer = str(scene.lab.facts["balancer"]).removeprefix("http://")
    listens = str(scene.faults.create(name, f"{_HERE}:0", balancer)["listen"])
    scene.undo.callback(scene.faults.delete, name)
    command = [*inside, sys.executable, "-m", "gigaday.lab.chaos.lossy", listens, f"{scene.seconds:g}"]
    source = str(Path(__file__).parents[3])
    done = subprocess.run(  # noqa: S603 - no words of a stranger
        command, input=str(scene.lab.facts["demo_token"]), capture_output=True, text=True, check=False,
        env={"PATH": SEARCHED, "PYTHONPATH": source}, timeout=scene.seconds + 30,
    )  # fmt: skip
    if done.returncode:
        raise GigadayError(done.stderr[-500:])
    good, asked = map(int, done.stdout.split())
    scene.counted["arrived"] = good / max(1, asked)
    scene.notes.append(f"{good} of {asked} requests over the lossy line were answered")


EXPERIMENTS = (
    Experiment(
        "disk-full", "The disk of a node that keeps all on it is full", fill_disk,
        [
            counted_at_least("reads", 1, "reads are answered"),
            counted_at_least("uploads", 1, "uploads and writes are refused with 507"),
            counted_at_least("again", 1, "uploads succeed once there is room"), no_errors(*ALL),
        ],
        needs=_root("mount", "umount"),
    ),
    Experiment(
        "scrapers-hang", "Whoever scrapes the nodes hangs", hang_scrapers,
        [no_errors(*ALL), slower_by_at_most(0.02, 0.99, *READS)],
    ),
    Experiment(
        "packet-loss", "One in twenty packets of a client is lost, in each direction", lose_packets,
        [counted_at_least("arrived", 0.999, ">= 99.9 % of its requests succeed"), no_errors(*ALL)],
        needs=_root("ip", "iptables"),
    ),
)  # fmt: skip
