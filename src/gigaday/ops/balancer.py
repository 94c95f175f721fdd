"""What a load balancer in front of the nodes is told: the same limits that the nodes keep, and where they listen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from gigaday.errors import GigadayError

Engine = Literal["haproxy", "nginx"]

CONNECT_SECONDS = 1
"""A node on the same network that accepts no connection in this time will not."""
HEADER_SECONDS = 10
"""For a client to send the whole head of its request, as at the nodes."""
IDLE_SECONDS = 30
"""Between two pieces of a body, sent or taken."""
KEEP_ALIVE_SECONDS = 60
QUEUE_SECONDS = 0.5
"""To wait for a free place at a node. Who waits longer comes back sooner by being refused."""
GRACE_SECONDS = 2
"""How much longer than a node's own deadline the balancer waits, so that the node's answer is the one that is sent."""
_HANDED = 0.78
"""The share of a node's cap that it is handed: it refuses the least urgent from 0.8 on, for which it has to work."""
_QUEUED = 0.25

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request is malformed"),
    404: ("not_found", "There is no such path"),
    408: ("bad_request", "The request did not come in time"),
    413: ("body_too_large", "The body is too large"),
    500: ("internal", "Internal error"),
    502: ("unavailable", "The node gave no answer"),
    503: ("unavailable", "The service cannot answer now"),
    504: ("unavailable", "The node did not answer in time"),
}
"""What the balancer itself answers: the code and title of each status."""
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_PATH = re.compile(r"/[A-Za-z0-9._/@:+=,-]+")
"""Without a character that means something to either balancer."""
_UNIX = "unix:"
_LAST_PORT = 65_535
MOST_SLOTS = 1_000


class BalancerError(GigadayError):
    """A configuration that cannot be made, or that the balancer's own check refuses; says why."""


@dataclass(frozen=True)
class Limits:
    """What one node allows. Sizes in bytes, times in seconds."""

    request_timeout: float = 10.0
    max_in_flight: int = 1_000
    body_bytes: int = 5 * (1 << 30) + 65_536
    header_bytes: int = 16_384
    url_bytes: int = 8_192
    header_count: int = 100

    @property
    def handed(self) -> int:
        """Requests that a node is handed at once."""
        return max(1, int(self.max_in_flight * _HANDED))

    @property
    def queued(self) -> int:
        """Requests a node that may wait."""
        return max(1, int(self.handed * _QUEUED))


@dataclass(frozen=True)
class Balancer:
    """`nodes` are host:port, [ipv6]:port or unix:/path; so is `listen`, without the last. `behind` are the networks of
    proxies in front, such as a CDN's, whose X-Forwarded-For is passed on. HAProxy alone: `slots` are places for nodes
    that join later through `admin_socket`; `metrics` is where Prometheus finds its figures; a node that fails fast is
    left alone for `eject_seconds`."""

    nodes: tuple[str, ...]
    listen: str = "127.0.0.1:8000"
    certificate: Path | None = None
    behind: tuple[str, ...] = ()
    slots: int = 0
    admin_socket: Path | None = None
    metrics: str = ""
    drain_seconds: float = 5.0
    eject_seconds: float = 30.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.nodes:
            raise BalancerError("A balancer needs at least one node")
        for node in self.nodes:
            _require(_is_node(node), node, "address; write host:port, [ipv6]:port or unix:/path")
        for place in filter(None, (self.listen, self.metrics)):
            _require(_is_address(place), place, "address to listen on; write host:port or [ipv6]:port")
        for path in filter(None, (self.certificate, self.admin_socket)):
            _require(_PATH.fullmatch(str(path)), str(path), "path; write letters, digits and ._/@:+=,- alone")
        for network in self.behind:
            _require(_is_network(network), network, "network; write 192.0.2.0/24")
        _require(0 <= self.slots <= MOST_SLOTS, self.slots, f"number of slots; there may be up to {MOST_SLOTS}")
        if doubled := {node for node in self.nodes if self.nodes.count(node) > 1}:
            raise BalancerError(f"{', '.join(sorted(doubled))} is named more than once")


def problem(status: int, request_id: str) -> str:
    """The problem document of one of `ERRORS`; `request_id` is how the balancer's language names it."""
    code, title = ERRORS[status]
    return (
        f'{{"type":"/docs/errors/{code}","title":"{title}","status":{status},"detail":"{title}","code":"{code}",'
        f'"request_id":"{request_id}"}}'
    )


def _require(condition: object, given: object, expected: str) -> None:
    if not condition:
        raise BalancerError(f"{given!r} is no {expected}")


def _is_node(place: str) -> bool:
    return _is_address(place) or (place.startswith(_UNIX) and _PATH.fullmatch(place.removeprefix(_UNIX)) is not None)


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_address(place: str) -> bool:
    found = _ADDRESS.fullmatch(place)
    return found is not None and 0 < int(found[1]) <= _LAST_PORT
