"""One node: the origin behind the edge, over opened back ends, and the chores beside it."""

import asyncio
import hashlib
import hmac
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count

from starlette.routing import Router as OtherRoutes

from gigaday import __version__
from gigaday.api import admin, docs, health, media, metrics, openapi, resource, tenant, tokens, trash, uploads
from gigaday.api.declaration import Origin, Resource
from gigaday.api.idempotency import IDEMPOTENCY, Idempotency
from gigaday.api.operation import Operation
from gigaday.api.router import Router, no_such_path
from gigaday.api.traits import Traits
from gigaday.compose.backends import Backends, open_backends
from gigaday.compose.delivery import delivery_operations
from gigaday.compose.media import keeping, reaping
from gigaday.compose.metrics import exposition
from gigaday.compose.resources import RESOURCES
from gigaday.compose.services import Services, pepper_of, services
from gigaday.edge import app as edge
from gigaday.edge import eager
from gigaday.edge.asgi import App, Message, Receive, Scope, Send
from gigaday.edge.counters import Counters
from gigaday.edge.load import Load
from gigaday.errors import GigadayError
from gigaday.limiting.several import Several
from gigaday.model.plan import PLANS
from gigaday.ops import logs
from gigaday.ops.health import Health, Probe
from gigaday.ops.housekeeping import Chores, keep_house
from gigaday.ops.limits import Limits
from gigaday.ops.modes import SECONDS as MODES_SECONDS
from gigaday.ops.modes import Modes
from gigaday.ops.remembered import Readable
from gigaday.ops.tenancy import Tenancy
from gigaday.ops.turns import Turns
from gigaday.rules import ids, links, times
from gigaday.settings import Settings

HOUSEKEEPING_SECONDS, LIMITS_SECONDS = 30.0, 1.0
_COUNT_LENGTH = 10


def operations(
    backends: Backends,
    work: Tenancy,
    settings: Settings,
    resources: Sequence[Resource] = RESOURCES,
    documents: Readable | None = None,
) -> list[Operation]:
    """Every operation of the API. `documents` are where tenants and media are read for whoever fetches files."""
    key = hmac.new(pepper_of(settings), b"cursors", hashlib.sha256).digest()
    origin = Origin(backends.documents, backends.clock, key, settings.batch_limit_bytes)
    link_key = links.key_of(pepper_of(settings))
    kept = keeping(backends)
    return [
        *(operation for declared in resources for operation in resource.operations(declared, origin)),
        *media.operations(origin, kept),
        *trash.operations(origin, kept.trash),
        *uploads.operations(origin, backends.objects, kept.uploads, kept.making, backends.presigner),
        *delivery_operations(backends, origin, link_key, documents or backends.documents),
        *tokens.operations(work, key),
        *tenant.operations(work),
        *admin.operations(work, key),
    ]


def node(
    backends: Backends, settings: Settings, prober: Health, made: list[Operation], with_: Services | None = None
) -> App:
    """The whole pipeline over opened back ends."""
    log = logs.logger(settings.log_format)
    with_ = with_ or services(backends, settings)

    def new_id() -> str:
        return ids.make(backends.clock.now(), os.urandom(10))

    counters, load = Counters(), with_.load
    scraped = metrics.routes(exposition(backends, with_, prober, counters, load))
    others = OtherRoutes([*health.routes(prober), *scraped, *docs.routes(openapi.document(made, __version__))],
                         redirect_slashes=False, default=no_such_path)  # fmt: skip
    router = Router(made, Idempotency(backends.documents, backends.clock), new_id, others)
    traits = Traits(router, settings.body_limit)
    with_.modes.follow(lambda modes: _heed(modes, load, with_.limits, backends))
    return edge.build(
        router,
        edge.Collaborators(
            clock=backends.clock, counters=counters, new_id=_request_ids(), log=log,
            access_log=log if settings.access_log else None,
            load=load, body_cap=traits.body_cap, priority=traits.priority, streams=traits.streams, public=traits.public,
            lookup=with_.tokens.principal, known=with_.tokens.known, limits=with_.limits, buckets=with_.buckets,
            take=Several(with_.buckets).take, cost=traits.cost,
            at_once=lambda principal: PLANS[principal.plan].at_once,
            opens=traits.opens, responses=with_.responses, rule_for=traits.rule_for,
            seen=backends.coherence.invalidation.seen, mode_of=with_.modes.of, sure=backends.plain.writable,
            trusted_proxies=settings.trusted_proxies, local=settings.socket is not None,
            legacy_limit_headers=settings.legacy_rate_headers, cors_origins=settings.cors_origins,
            delivered=traits.delivered, visitors=with_.limits.visitor,
        ),
    )  # fmt: skip


def _heed(modes: Modes, load: Load, limits: Limits, backends: Backends) -> None:
    """Does at once what is not looked up for each request."""
    backends.widen(modes.fleet.pool)
    shared = backends.coherence.shared
    load.factor = modes.fleet.concurrency
    limits.scale(modes.fleet.limits, {tenant: mode.limits for tenant, mode in modes.tenants.items()})
    if shared is not None:
        shared.cache.use(modes.fleet.cache, modes.cache_epoch)


def _request_ids() -> Callable[[], str]:
    """Names for requests: of this process, then counted. Cheap, as every request needs one."""
    own = "".join(secrets.choice(ids.ALPHABET) for _ in range(ids.LENGTH - _COUNT_LENGTH))
    endings = [f"{number:03x}" for number in range(4_096)]
    heads = (f"{own}{number:0{_COUNT_LENGTH - 3}x}" for number in count())
    return (head + ending for head in heads for ending in endings).__next__


class Node:
    """The ASGI app: opens the back ends at start-up, drains and closes them at shut-down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serve: App = self._live
        self._health: Health | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._serve(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the server asks first, and goes on with until it stops."""
        await receive()
        try:
            async with self.running():
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._drain)
                eager.begin_at_once(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            # Said nothing, the server would take it for an app without a lifespan and serve a broken node.
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    def _drain(self) -> None:
        """Turns load balancers away, and only when they had time to notice lets the server stop, as by Ctrl-C."""
        if self._health is not None and not self._health.draining:
            self._health.drain()
            self._serve = _closing(self._serve)
            asyncio.get_running_loop().call_later(self._settings.drain_seconds, os.kill, os.getpid(), signal.SIGINT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        """The pipeline, served while the context lasts."""
        async with open_backends(self._settings) as backends:
            with_ = services(backends, self._settings)
            self.tenancy = with_.tenancy
            self._health = prober = Health(_probes(backends), backends.clock, modes=with_.modes)
            with suppress(GigadayError):  # what is set before a restart holds from the first request after it
                await with_.modes.refresh()
            await prober.start()
            if backends.coherence.stream:
                await backends.coherence.stream.start()
            log = logs.logger(self._settings.log_format)
            chores = [
                asyncio.create_task(keep_house(_chores(backends, with_), log, HOUSEKEEPING_SECONDS)),
                asyncio.create_task(keep_house(_limit_chores(with_), log, LIMITS_SECONDS)),
                asyncio.create_task(keep_house({"reap_media": reaping(backends, log)}, log, HOUSEKEEPING_SECONDS)),
                asyncio.create_task(keep_house({"refresh_modes": with_.modes.refresh}, log, MODES_SECONDS)),
            ]
            made = operations(backends, with_.tenancy, self._settings, documents=with_.delivered)
            self._serve = node(backends, self._settings, prober, made, with_)
            try:
                yield self._serve
            finally:
                prober.drain()
                for chore in chores:
                    chore.cancel()
                await prober.stop()
                await with_.responses.close()


def _closing(app: App) -> App:
    """Ends each connection with its answer: one still open when the server stops may lose the request on its way."""

    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, last if scope["http_version"].startswith("1") else send)

    return closing


def _probes(backends: Backends) -> dict[str, Probe]:
    """What the node stands on. Without Redis it still answers, but with less: that is told as a fault, too."""
    database, storage = backends.plain, backends.objects
    guards = {"reads": database.reads.breaker, "writes": database.writes.breaker}
    probes = {
        "database": Probe(database.ping, breakers=guards),
        "storage": Probe(storage.ping, breakers={"calls": storage.guard.breaker}),
    }
    shared = backends.coherence.shared
    if shared is not None:
        breakers = {name: guard.breaker for name, guard in shared.guards.items()}
        probes["cache"] = Probe(shared.cache.ping, breakers=breakers)
    if backends.edges.purges:
        probes["cdn"] = Probe(backends.edges.cdn.ping)
    return probes


def _chores(backends: Backends, with_: Services) -> Chores:
    """What is done beside the serving; an outage only delays it."""

    async def forget_idempotency() -> None:
        await backends.documents.delete_expired(IDEMPOTENCY, times.text(backends.clock.now()))

    return {
        "tidy_objects": backends.objects.tidy,
        "record_token_use": with_.tokens.record_use,
        "forget_idempotency": forget_idempotency,
    }


def _limit_chores(with_: Services) -> Chores:
    """What keeps the limits current on this node, and what is known of those on trial; and the threads' share."""
    turns = Turns(lambda: with_.load.refused)

    async def record_trials() -> None:
        await with_.limits.record(with_.buckets.drain())

    return {"refresh_limits": with_.limits.refresh, "record_trials": record_trials, "share_turns": turns.share}


def create_app(settings: Settings) -> App:
    """The ASGI app of one worker."""
    return Node(settings)
