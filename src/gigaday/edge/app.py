"""Folds the stages around the origin, from one ordered tuple."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from gigaday.contracts import Buckets, Clock, Policy
from gigaday.edge import authenticate, cached, limit, observe, problems, shed
from gigaday.edge.asgi import App
from gigaday.model.request import Principal
from gigaday.rules.clients import Network


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """All that the stages are given. `body_cap`, `priority`, `streams` and `cost` decide from (method, path),
    `public` from the path."""

    clock: Clock
    counters: observe.Counters
    new_id: Callable[[], str]
    log: FilteringBoundLogger
    access_log: FilteringBoundLogger | None
    caps: shed.Caps
    body_cap: Callable[[str, str], int]
    priority: Callable[[str, str], shed.Priority]
    streams: Callable[[str, str], bool]
    public: Callable[[str], bool]
    lookup: authenticate.Lookup
    buckets: Buckets
    policy_for: Callable[[Principal | None], Policy]
    cost: Callable[[str, str], int]
    trusted_proxies: Sequence[Network] = ()
    legacy_limit_headers: bool = False


def _observe(app: App, c: Collaborators) -> App:
    return observe.Stage(app, clock=c.clock, counters=c.counters, new_id=c.new_id, log=c.access_log)


def _problems(app: App, c: Collaborators) -> App:
    return problems.Stage(app, log=c.log)


def _shed(app: App, c: Collaborators) -> App:
    return shed.Stage(app, caps=c.caps, body_cap=c.body_cap, priority=c.priority, streams=c.streams)


def _authenticate(app: App, c: Collaborators) -> App:
    return authenticate.Stage(app, lookup=c.lookup, public=c.public, trusted_proxies=c.trusted_proxies)


def _limit(app: App, c: Collaborators) -> App:
    return limit.Stage(
        app,
        buckets=c.buckets,
        clock=c.clock,
        policy_for=c.policy_for,
        cost=c.cost,
        public=c.public,
        legacy=c.legacy_limit_headers,
    )


def _cached(app: App, c: Collaborators) -> App:
    return cached.Stage(app)


STAGES: tuple[Callable[[App, Collaborators], App], ...] = (
    _observe,
    _problems,
    _shed,
    _authenticate,
    _limit,
    _cached,
)
"""Outermost first: the order in which a request passes them."""


def build(origin: App, collaborators: Collaborators) -> App:
    """`origin` behind every stage."""
    app = origin
    for stage in reversed(STAGES):
        app = stage(app, collaborators)
    return app
