"""The nodes of a running laboratory, as the autoscaler sees them: through the balancers in front of them."""

import http.client
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gigaday.lab import scale
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.servers import haproxy
from gigaday.ops.autoscale import Seen

_SECONDS = 2.0


class LabFleet:
    """An `ops.autoscale.Fleet`; `folder` is the laboratory's, read anew each time, as others change it, too."""

    def __init__(self, folder: Path, tell: Callable[[str], None] = lambda text: None) -> None:
        self._folder, self._tell = folder, tell

    def observe(self) -> Seen:
        lab = Lab.load(self._folder)
        seen = [haproxy.figures(balancer) for balancer in _balancers(lab)]
        serving = _serving(lab, seen)
        return Seen(len(serving), sum(one.in_flight for one in seen), held_up(_health(serving)))

    def scale(self, count: int) -> None:
        """A node that is dead or frozen stays, and counts for nothing: it may come back."""
        lab = Lab.load(self._folder)
        serving = _serving(lab, [haproxy.figures(balancer) for balancer in _balancers(lab)])
        absent = len(lab.of_kind("node")) - len(serving)
        scale.scale(lab, count + absent, self._tell)


def held_up(reports: list[Mapping[str, Any]]) -> bool:
    """Whether most of the nodes find something slow or down; a single one that does may be slow by itself."""
    return 2 * sum(map(_complains, reports)) > len(reports)


def _complains(report: Mapping[str, Any]) -> bool:
    """A CDN stands before the nodes, not behind them: while it is down they have more to do, not less."""
    return any(
        component["status"] in ("degraded", "down") or "open" in component.get("breakers", {}).values()
        for name, component in report["components"].items()
        if name != "cdn"
    )


def _balancers(lab: Lab) -> list[Member]:
    running = [member for member in lab.of_kind("balancer") if member.state() == "up"]
    if not running:
        raise LabError("no balancer runs")
    return running


def _serving(lab: Lab, seen: list[haproxy.Figures]) -> list[Member]:
    """The nodes that any balancer sends requests to."""
    numbers = frozenset[int]().union(*(one.nodes for one in seen))
    return [member for member in lab.of_kind("node") if scale.number_of(member) in numbers]


def _health(nodes: list[Member]) -> list[Mapping[str, Any]]:
    """What the nodes that answer find of what they depend on. Raises LabError where there are nodes, but none does."""
    with ThreadPoolExecutor(max(1, len(nodes))) as pool:
        reports = [report for report in pool.map(_report, nodes) if report is not None]
    if nodes and not reports:
        raise LabError("no node tells how what it depends on does")
    return reports


def _report(node: Member) -> Mapping[str, Any] | None:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/api/health")
        return dict(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
