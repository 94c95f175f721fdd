"""What the balancer and the nodes tell of themselves while a run lasts, besides what clients see."""

import http.client
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.servers import haproxy

_EVERY = 0.05
_SECONDS = 1.0


@dataclass(frozen=True)
class Glance:
    """The nodes that the balancer sent requests to, `at` seconds after the run began."""

    at: float
    serving: frozenset[str]


def glances(lab: Lab, began: float, ended: Callable[[], bool]) -> list[Glance]:
    """Looks at the first balancer that runs, again and again."""
    found: list[Glance] = []
    while not ended():
        serving = _serving(lab)
        if serving is not None:
            found.append(Glance(time.monotonic() - began, serving))
        time.sleep(_EVERY)
    return found


def not_serving(lab: Lab) -> list[str]:
    """Which nodes some balancer sends no requests to."""
    nodes = {member.name for member in lab.of_kind("node")}
    return sorted({name for member in lab.of_kind("balancer") for name in nodes - _named(member)})


def lacking(lab: Lab) -> list[str]:
    """What some node finds down, or does not ask for now: it may learn later than others that all is well again."""
    found: set[str] = set()
    for member in lab.of_kind("node"):
        try:
            components = msgspec.json.decode(_got(member.port, "/api/health"))["components"]
        except (msgspec.DecodeError, KeyError):
            components = {member.name: {"status": "down"}}
        found |= {
            name
            for name, one in components.items()
            if one["status"] == "down" or "open" in one.get("breakers", {}).values()
        }
    return sorted(found)


def _serving(lab: Lab) -> frozenset[str] | None:
    for member in lab.of_kind("balancer"):
        if member.state() == "up":
            try:
                return _named(member)
            except LabError:
                continue
    return None


def _named(member: Member) -> frozenset[str]:
    return frozenset(f"node-{number}" for number in haproxy.figures(member).nodes)


Counts = Mapping[tuple[str, int], Mapping[str, float]]
"""By node and process: what it has counted since it was started, by name and labels."""


def counts(lab: Lab) -> Counts:
    """Of the nodes that answer."""
    found = {(member.name, member.pid): _scraped(member.port) for member in lab.of_kind("node")}
    return {who: counted for who, counted in found.items() if counted}


def growth(before: Counts, after: Counts) -> dict[str, float]:
    """How much all nodes together have counted in between; one that was started meanwhile began at nothing."""
    grown: defaultdict[str, float] = defaultdict(float)
    for who, counted in after.items():
        for name, value in counted.items():
            grown[name] += value - before.get(who, {}).get(name, 0.0)
    return dict(grown)


def _got(port: int, path: str) -> bytes:
    """The body, whatever the status; empty where none came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _scraped(port: int) -> dict[str, float]:
    lines = _got(port, "/metrics").decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith(("#", "{")))
    return {name: float(value) for name, _, value in pairs if "_total" in name}
