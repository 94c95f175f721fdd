"""Settings -> back ends -> tenancy -> origin -> edge: the only wiring."""

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.routing import Router as OtherRoutes

from gigaday import __version__
from gigaday.api import admin, docs, health, media, openapi, products, resource, tenant, tokens
from gigaday.api.declaration import Origin, Resource
from gigaday.api.idempotency import IDEMPOTENCY, Idempotency
from gigaday.api.operation import Operation
from gigaday.api.router import Router, no_such_path
from gigaday.api.traits import Traits
from gigaday.backends.clock import SystemClock
from gigaday.backends.folder import FolderStore
from gigaday.backends.memory import MemoryBuckets, MemoryCache
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Buckets, Cache, Clock, Collection, Document, DocumentStore, ObjectStore, Policy
from gigaday.edge import app as edge
from gigaday.edge.asgi import App, Receive, Scope, Send
from gigaday.edge.observe import Counters
from gigaday.edge.shed import Caps
from gigaday.errors import BackendDown, Fault, Invalid
from gigaday.model.media import MEDIA
from gigaday.model.plan import PLANS
from gigaday.model.tenant import TENANTS
from gigaday.model.token import TOKENS
from gigaday.ops import logs
from gigaday.ops.demo import Demo
from gigaday.ops.health import Health, Probe
from gigaday.ops.tenancy import Tenancy
from gigaday.rules import ids, times, validation
from gigaday.settings import Settings

if TYPE_CHECKING:
    from gigaday.backends.mongo_admin import MongoAdmin

RESOURCES: tuple[Resource, ...] = (products.RESOURCE,)
"""The plain resources: a new one is declared in `api/` and named here."""
COLLECTIONS: tuple[Collection, ...] = (*(r.collection for r in RESOURCES), MEDIA, TENANTS, TOKENS, IDEMPOTENCY)
HOUSEKEEPING_SECONDS = 30.0


@dataclass(frozen=True)
class Backends:
    """What was chosen behind each contract."""

    documents: DocumentStore
    objects: ObjectStore
    cache: Cache
    buckets: Buckets
    clock: Clock


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """The back ends that the settings name, opened, prepared where empty, and closed again. Raises BackendDown."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        documents = _documents(settings)
        stack.push_async_callback(documents.close)
        objects = _objects(settings)
        stack.push_async_callback(objects.close)
        await documents.prepare(COLLECTIONS)
        yield Backends(documents, objects, MemoryCache(clock=clock), MemoryBuckets(clock=clock), clock)


def _documents(settings: Settings) -> DocumentStore:
    if settings.mongodb_uri is None:
        return SqliteStore.open(settings.data_dir / "gigaday.sqlite")
    from gigaday.backends.mongo import MongoStore  # here, so that the embedded default starts without the driver

    return MongoStore.open(
        settings.mongodb_uri.get_secret_value(),
        max_pool=settings.mongodb_max_pool_size,
        min_pool=settings.mongodb_min_pool_size,
    )


def database_admin(settings: Settings) -> "MongoAdmin | None":
    """What makes indexes and shards, or None where SQLite needs neither."""
    if settings.mongodb_uri is None:
        return None
    from gigaday.backends.mongo_admin import MongoAdmin

    return MongoAdmin.open(settings.mongodb_uri.get_secret_value())


def _objects(settings: Settings) -> ObjectStore:
    if settings.s3_bucket is None:
        return FolderStore(settings.data_dir / "objects")
    from gigaday.backends.s3 import S3Objects

    secret = settings.aws_secret_access_key
    return S3Objects(
        settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
    )


def describe(settings: Settings) -> dict[str, str]:
    """Each back end chosen, for the operator's eyes: no secrets."""
    return {
        "documents": "MongoDB" if settings.mongodb_uri else f"SQLite ({settings.data_dir / 'gigaday.sqlite'})",
        "objects": f"S3 (bucket {settings.s3_bucket})"
        if settings.s3_bucket
        else f"folder ({settings.data_dir / 'objects'})",
        "cache and limits": "in process",
        "cdn": "none: media are served by the node",
    }


def _pepper(settings: Settings) -> bytes:
    """The key of token HMACs: set, or made once and kept beside the data."""
    if settings.pepper is not None:
        return settings.pepper.get_secret_value().encode()
    path = settings.data_dir / "pepper"
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"pepper.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        try:
            os.link(fresh, path)
        finally:
            fresh.unlink()
    return path.read_text().encode()


def tenancy(backends: Backends, settings: Settings, resources: Sequence[Resource] = RESOURCES) -> Tenancy:
    """Tenants and tokens over the chosen documents."""
    return Tenancy(
        backends.documents,
        backends.clock,
        environment=settings.environment,
        pepper=_pepper(settings),
        resources=[declared.name for declared in resources],
    )


async def demo(backends: Backends, settings: Settings) -> str:
    """The demo tenant's token, with everything behind it made where it is missing."""
    work = tenancy(backends, settings)
    token_file = settings.data_dir / "demo.token"
    return await Demo(backends.documents, backends.objects, work, backends.clock, token_file).ensure()


def product_validator() -> Callable[[dict[str, Any]], tuple[Document | None, list[Fault]]]:
    """Checks one product as POST does; returns its fields, or what is wrong with it."""
    return _checker(products.RESOURCE)


def _checker(declared: Resource) -> Callable[[dict[str, Any]], tuple[Document | None, list[Fault]]]:
    def check(raw: dict[str, Any]) -> tuple[Document | None, list[Fault]]:
        if faults := list(validation.unsafe(raw)):
            return None, faults
        try:
            return msgspec.to_builtins(validation.convert(raw, declared.create)), []
        except Invalid as error:
            return None, list(error.errors)

    return check


def operations(
    backends: Backends, work: Tenancy, settings: Settings, resources: Sequence[Resource] = RESOURCES
) -> list[Operation]:
    """Every operation of the API."""
    key = hmac.new(_pepper(settings), b"cursors", hashlib.sha256).digest()
    origin = Origin(backends.documents, backends.clock, key, settings.batch_limit_bytes)
    return [
        *(operation for declared in resources for operation in resource.operations(declared, origin)),
        *media.operations(origin, backends.objects),
        *tokens.operations(work, key),
        *tenant.operations(work),
        *admin.operations(work, key),
    ]


def node(backends: Backends, settings: Settings, prober: Health, made: list[Operation], work: Tenancy) -> App:
    """The whole pipeline over opened back ends."""
    log = logs.logger(settings.log_format)

    def new_id() -> str:
        return ids.make(backends.clock.now(), os.urandom(10))

    others = OtherRoutes([*health.routes(prober), *docs.routes(openapi.document(made, __version__))],
                         redirect_slashes=False, default=no_such_path)  # fmt: skip
    router = Router(made, Idempotency(backends.documents, backends.clock), new_id, others)
    traits = Traits(router, settings.body_limit)
    anonymous = Policy("default", settings.anonymous_quota, settings.anonymous_window)
    return edge.build(
        router,
        edge.Collaborators(
            clock=backends.clock, counters=Counters(), new_id=new_id, log=log,
            access_log=log if settings.access_log else None,
            caps=Caps(max_in_flight=settings.max_in_flight, request_timeout=settings.request_timeout),
            body_cap=traits.body_cap, priority=traits.priority, streams=traits.streams, public=traits.public,
            lookup=work.lookup, buckets=backends.buckets, cost=traits.cost,
            policy_for=lambda principal: PLANS[principal.plan].policy if principal else anonymous,
            trusted_proxies=settings.trusted_proxies, legacy_limit_headers=settings.legacy_rate_headers,
        ),
    )  # fmt: skip


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
            self.tenancy = work = tenancy(backends, self._settings)
            prober = Health(
                {"database": Probe(backends.documents.ping), "storage": Probe(backends.objects.ping)}, backends.clock
            )
            await prober.start()
            chores = asyncio.create_task(_keep_house(backends, work))
            self._app = node(backends, self._settings, prober, operations(backends, work, self._settings), work)
            try:
                yield self._app
            finally:
                prober.drain()
                chores.cancel()
                await prober.stop()


async def _keep_house(backends: Backends, work: Tenancy) -> None:
    """Notes when tokens were used and drops what has expired; an outage only delays it."""
    while True:
        with suppress(BackendDown):
            await backends.objects.tidy()
            await work.record_use()
            await backends.documents.delete_expired(IDEMPOTENCY, times.text(backends.clock.now()))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


def create_app(settings: Settings) -> App:
    """The ASGI app of one worker."""
    return Node(settings)
