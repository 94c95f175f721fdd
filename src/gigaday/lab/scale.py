"""Adds nodes to a running laboratory and drains them away, while requests go on."""

import shutil
from collections.abc import Callable
from contextlib import suppress

from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.servers import haproxy, node, prometheus
from gigaday.lab.waiting import ServerMissing, free_ports, until

DRAIN_SECONDS = 30.0


def scale(lab: Lab, count: int, tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """Makes it `count` nodes, and returns the names of those added or removed.

    A node is sent requests once it is ready; one that leaves gets no new ones, finishes those that it has, and is then
    stopped. The youngest leave first. Raises LabError.
    """
    with lab.exclusive():
        most = len(_numbers(lab.facts["first_nodes"])) + haproxy.SLOTS
        if not 1 <= count <= most:
            raise LabError(f"the laboratory can have 1 to {most} nodes")
        enrol(lab)  # whoever was ended while adding or draining has left one that is sent nothing
        present = _numbers([member.name for member in lab.of_kind("node")])
        wanted = _wanted(present, count)
        for number in sorted(set(wanted) - set(present)):
            tell(f"node-{number} is added")
            add(lab, number)
        for number in sorted(set(present) - set(wanted), reverse=True):
            tell(f"node-{number} is drained")
            remove(lab, number)
        return [f"node-{number}" for number in sorted(set(wanted) ^ set(present))]


def enrol(lab: Lab) -> None:
    """Tells every balancer that runs of all nodes: one that was started again knows only those that it began with."""
    for balancer in _balancers(lab):
        for member in lab.of_kind("node"):
            haproxy.admit(balancer, number_of(member), member.port)


def add(lab: Lab, number: int) -> Member:
    """Starts the `number`-th node; returns once it is sent requests. Raises LabError where it does not start."""
    [port] = free_ports(1)
    member = lab.add(node.member(lab.folder, number, port, lab.facts["settings"]))
    try:
        member.start()
        node.wait_ready(member)
        for balancer in _balancers(lab):
            haproxy.admit(balancer, number, port)
    except BaseException as error:
        _forget(lab, member)
        if isinstance(error, ServerMissing):
            raise LabError(str(error)) from error
        raise
    _scrape(lab)
    return member


def remove(lab: Lab, number: int) -> None:
    """Ends the `number`-th node after it has answered what it was sent."""
    member = lab.member(f"node-{number}")
    balancers = _balancers(lab)
    for balancer in balancers:
        haproxy.drain(balancer, number)
    with suppress(ServerMissing):  # long enough: the node's own draining is what is left
        until(
            lambda: not any(haproxy.busy(balancer, number) for balancer in balancers),
            DRAIN_SECONDS, f"{member.name} is busy", retried=LabError,
        )  # fmt: skip
    for balancer in balancers:
        haproxy.dismiss(balancer, number)
    member.terminate()
    _forget(lab, member)
    _scrape(lab)


def _forget(lab: Lab, member: Member) -> None:
    member.kill()
    lab.remove(member.name)
    shutil.rmtree(member.folder, ignore_errors=True)


def number_of(member: Member) -> int:
    return int(member.name.removeprefix("node-"))


def _numbers(names: list[str]) -> list[int]:
    return [int(name.removeprefix("node-")) for name in names]


def _wanted(present: list[int], count: int) -> list[int]:
    """The numbers to have: those there are, without the last ones, or with the least that are free."""
    kept = sorted(present)[:count]
    free = (number for number in range(1, len(present) + count + 1) if number not in present)
    return kept + [next(free) for _ in range(count - len(kept))]


def _balancers(lab: Lab) -> list[Member]:
    return [member for member in lab.of_kind("balancer") if member.state() == "up"]


def _scrape(lab: Lab) -> None:
    for member in lab.of_kind("prometheus"):
        prometheus.scrape(member.folder, "nodes", [one.port for one in lab.of_kind("node")])
