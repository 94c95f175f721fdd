"""Folds the stages around the origin, from one ordered tuple."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from gigaday.contracts import Clock
from gigaday.edge import authenticate, cached, cors, crowd, eager, hot, limit, modes, observe, problems, shed
from gigaday.edge.asgi import App
from gigaday.edge.counters import Counters
from gigaday.edge.load import Load, Priority
from gigaday.model.caching import CacheRule
from gigaday.model.mode import NORMAL, Mode
from gigaday.model.request import Principal
from gigaday.rules.clients import Network


class Responses(cached.Responses, hot.Fresh, Protocol):
    """The cache of answers."""


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """All that the stages are given. `body_cap`, `priority`, `streams`, `opens` and `cost` decide from (method, path),
    `public` and `delivered` from the path."""

    clock: Clock
    counters: Counters
    new_id: Callable[[], str]
    log: FilteringBoundLogger
    access_log: FilteringBoundLogger | None
    load: Load
    body_cap: Callable[[str, str], int]
    priority: Callable[[str, str], Priority]
    streams: Callable[[str, str], bool]
    public: Callable[[str], bool]
    lookup: authenticate.Lookup
    known: Callable[[bytes, float], Principal | None]
    limits: hot.Limits
    buckets: hot.Taking
    take: limit.Take
    cost: Callable[[str, str], int]
    at_once: Callable[[Principal], int]
    opens: Callable[[str, str], bool]
    responses: Responses
    seen: Callable[[str], bool]
    rule_for: Callable[[str, str], CacheRule | None]
    mode_of: Callable[[str], Mode] = lambda tenant: NORMAL
    sure: Callable[[], bool] = lambda: True
    delivered: Callable[[str], bool] = lambda path: False
    visitors: limit.Visitors = lambda client: ()
    trusted_proxies: Sequence[Network] = ()
    local: bool = False
    legacy_limit_headers: bool = False
    cors_origins: Sequence[str] = ()


def _cors(app: App, c: Collaborators) -> App:
    return cors.Stage(app, origins=c.cors_origins) if c.cors_origins else app


def _hot(app: App, c: Collaborators) -> App:
    if c.access_log is not None:
        return app  # what it writes needs the stages below
    return hot.Stage(
        app,
        known=c.known,
        responses=c.responses,
        limits=c.limits,
        buckets=c.buckets,
        counters=c.counters,
        clock=c.clock,
        new_id=c.new_id,
        public=lambda path: c.public(path) or c.delivered(path),
        load=c.load,
        priority=c.priority,
        legacy=c.legacy_limit_headers,
    )


def _turn(app: App, c: Collaborators) -> App:
    return eager.Stage(app)


def _observe(app: App, c: Collaborators) -> App:
    return observe.Stage(app, clock=c.clock, counters=c.counters, new_id=c.new_id, log=c.access_log)


def _problems(app: App, c: Collaborators) -> App:
    return problems.Stage(app, log=c.log)


def _shed(app: App, c: Collaborators) -> App:
    return shed.Stage(
        app, caps=c.load.caps, load=c.load, clock=c.clock, body_cap=c.body_cap, priority=c.priority, streams=c.streams
    )


def _authenticate(app: App, c: Collaborators) -> App:
    admit = partial(limit.admit_unknown, c.limits.of, c.take)
    return authenticate.Stage(
        app, lookup=c.lookup, admit=admit, public=lambda path: c.public(path) or c.delivered(path),
        trusted_proxies=c.trusted_proxies, local=c.local,
    )  # fmt: skip


def _modes(app: App, c: Collaborators) -> App:
    return modes.Stage(app, mode_of=c.mode_of, priority=c.priority, streams=c.streams)


def _limit(app: App, c: Collaborators) -> App:
    return limit.Stage(
        app,
        charges=c.limits.of,
        take=c.take,
        clock=c.clock,
        cost=c.cost,
        public=c.public,
        opens=c.opens,
        delivered=c.delivered,
        visitors=c.visitors,
        legacy=c.legacy_limit_headers,
    )


def _cached(app: App, c: Collaborators) -> App:
    return cached.Stage(app, responses=c.responses, seen=c.seen, rule_for=c.rule_for, mode_of=c.mode_of, sure=c.sure)


def _crowd(app: App, c: Collaborators) -> App:
    return crowd.Stage(app, at_once=c.at_once)


STAGES: tuple[Callable[[App, Collaborators], App], ...] = (
    _cors,
    _hot,
    _turn,
    _observe,
    _problems,
    _shed,
    _authenticate,
    _modes,
    _limit,
    _cached,
    _crowd,
)
"""Outermost first: the order in which a request passes them."""


def build(origin: App, collaborators: Collaborators) -> App:
    """`origin` behind every stage."""
    app = origin
    for stage in reversed(STAGES):
        app = stage(app, collaborators)
    return app
