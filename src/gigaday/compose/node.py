"""One node: the origin behind the edge, over opened back ends, and the chores beside it."""

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

from starlette.routing import Router as OtherRoutes

from gigaday import __version__
from gigaday.api import admin, docs, health, media, openapi, resource, tenant, tokens
from gigaday.api.declaration import Origin, Resource
from gigaday.api.idempotency import IDEMPOTENCY, Idempotency
from gigaday.api.operation import Operation
from gigaday.api.router import Router, no_such_path
from gigaday.api.traits import Traits
from gigaday.compose.backends import Backends, open_backends
from gigaday.compose.resources import RESOURCES
from gigaday.compose.services import Services, pepper_of, services
from gigaday.edge import app as edge
from gigaday.edge.asgi import App, Receive, Scope, Send
from gigaday.edge.counters import Counters
from gigaday.edge.load import Caps, Load
from gigaday.limiting.several import Several
from gigaday.model.plan import PLANS
from gigaday.ops import logs
from gigaday.ops.health import Health, Probe
from gigaday.ops.housekeeping import Chores, keep_house
from gigaday.ops.tenancy import Tenancy
from gigaday.rules import ids, times
from gigaday.settings import Settings

HOUSEKEEPING_SECONDS, LIMITS_SECONDS = 30.0, 1.0
_COUNT_LENGTH = 10


def operations(
    backends: Backends, work: Tenancy, settings: Settings, resources: Sequence[Resource] = RESOURCES
) -> list[Operation]:
    """Every operation of the API."""
    key = hmac.new(pepper_of(settings), b"cursors", hashlib.sha256).digest()
    origin = Origin(backends.documents, backends.clock, key, settings.batch_limit_bytes)
    return [
        *(operation for declared in resources for operation in resource.operations(declared, origin)),
        *media.operations(origin, backends.objects),
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

    others = OtherRoutes([*health.routes(prober), *docs.routes(openapi.document(made, __version__))],
                         redirect_slashes=False, default=no_such_path)  # fmt: skip
    router = Router(made, Idempotency(backends.documents, backends.clock), new_id, others)
    traits = Traits(router, settings.body_limit)
    caps = Caps(max_in_flight=settings.max_in_flight, request_timeout=settings.request_timeout)
    return edge.build(
        router,
        edge.Collaborators(
            clock=backends.clock, counters=Counters(), new_id=_request_ids(), log=log,
            access_log=log if settings.access_log else None,
            caps=caps, load=Load(caps),
            body_cap=traits.body_cap, priority=traits.priority, streams=traits.streams, public=traits.public,
            lookup=with_.tokens.principal, known=with_.tokens.known, limits=with_.limits, buckets=with_.buckets,
            take=Several(with_.buckets).take, cost=traits.cost,
            at_once=lambda principal: PLANS[principal.plan].at_once,
            opens=traits.opens, responses=with_.responses, rule_for=traits.rule_for,
            seen=backends.coherence.invalidation.seen,
            trusted_proxies=settings.trusted_proxies, legacy_limit_headers=settings.legacy_rate_headers,
        ),
    )  # fmt: skip


def _request_ids() -> Callable[[], str]:
    """Names for requests: of this process, then counted. Cheap, as every request needs one."""
    shape = "".join(secrets.choice(ids.ALPHABET) for _ in range(ids.LENGTH - _COUNT_LENGTH)) + f"%0{_COUNT_LENGTH}x"
    numbers = count()
    return lambda: shape % next(numbers)


class Node:
    """The ASGI app: opens the back ends at start-up, drains and closes them at shut-down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            # Said nothing, the server would take it for an app without a lifespan and serve a broken node.
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        """The pipeline, served while the context lasts."""
        async with open_backends(self._settings) as backends:
            with_ = services(backends, self._settings)
            self.tenancy = with_.tenancy
            prober = Health(_probes(backends), backends.clock)
            await prober.start()
            if backends.coherence.stream:
                await backends.coherence.stream.start()
            log = logs.logger(self._settings.log_format)
            chores = [
                asyncio.create_task(keep_house(_chores(backends, with_), log, HOUSEKEEPING_SECONDS)),
                asyncio.create_task(keep_house(_limit_chores(with_), log, LIMITS_SECONDS)),
            ]
            made = operations(backends, with_.tenancy, self._settings)
            self._app = node(backends, self._settings, prober, made, with_)
            try:
                yield self._app
            finally:
                prober.drain()
                for chore in chores:
                    chore.cancel()
                await prober.stop()
                await with_.responses.close()


def _probes(backends: Backends) -> dict[str, Probe]:
    """What the node stands on. Without Redis it still answers, but with less: that is told as a fault, too."""
    probes = {"database": Probe(backends.documents.ping), "storage": Probe(backends.objects.ping)}
    shared = backends.coherence.shared
    return probes if shared is None else {**probes, "cache": Probe(shared.cache.ping)}


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
    """What keeps the limits current on this node, and what is known of those on trial."""

    async def record_trials() -> None:
        await with_.limits.record(with_.buckets.drain())

    return {"refresh_limits": with_.limits.refresh, "record_trials": record_trials}


def create_app(settings: Settings) -> App:
    """The ASGI app of one worker."""
    return Node(settings)
