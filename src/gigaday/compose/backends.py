"""The back ends that the settings choose, and what keeps the caches over them coherent."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gigaday.backends.clock import SystemClock
from gigaday.backends.memory import MemoryBuckets
from gigaday.backends.sqlite import SqliteStore
from gigaday.caching.coherent_store import CoherentStore
from gigaday.caching.gathered_store import GatheredStore
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.stream import Stream
from gigaday.caching.trust import Trust
from gigaday.compose.cdn import Edges, describe_cdn, open_cdn
from gigaday.compose.guards import guarded_store
from gigaday.compose.imaging import stored_images
from gigaday.compose.objects import chosen_objects
from gigaday.compose.resources import COLLECTIONS, UNCACHED
from gigaday.compose.shared import Shared, open_shared
from gigaday.contracts import Buckets, Clock, DocumentStore, LocalFiles, Presigner
from gigaday.imaging.variants import StoredImages
from gigaday.model.request import note_receipt
from gigaday.resilience.guarded_objects import GuardedObjects
from gigaday.resilience.guarded_store import GuardedStore
from gigaday.settings import Settings

if TYPE_CHECKING:
    from gigaday.backends.mongo_admin import MongoAdmin
    from gigaday.backends.mongo_failover import MongoFailover


@dataclass(frozen=True)
class Coherence:
    """What this process invalidates and hears of; `stream` and `shared` are None where it is the only one."""

    invalidation: Invalidation
    trust: Trust
    stream: Stream | None
    shared: Shared | None


@dataclass(frozen=True)
class Backends:
    """What was chosen behind each contract. `documents` tell the caches what is written; `plain` do not."""

    documents: DocumentStore
    plain: GuardedStore
    objects: GuardedObjects
    presigner: Presigner | None
    """Where clients may reach the object store themselves."""
    files: LocalFiles | None
    """Where objects lie, if on this machine."""
    images: StoredImages
    buckets: Buckets
    clock: Clock
    coherence: Coherence
    edges: Edges
    widen: Callable[[float], None]
    """Multiplies the database's connections, where it has any."""


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """The back ends that the settings name, opened, prepared where empty, and closed again. Raises BackendDown."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        coherence = await _coherence(settings, clock, stack)
        plain, widen = _documents(settings, clock)
        edges = await stack.enter_async_context(open_cdn(settings, clock, coherence.invalidation, plain))
        documents = CoherentStore(
            plain, coherence.invalidation.invalidate, lambda receipt: note_receipt(receipt.token), UNCACHED
        )
        stack.push_async_callback(documents.close)
        chosen = chosen_objects(settings, clock)
        objects, files = chosen.store, chosen.files
        stack.push_async_callback(objects.close)
        shared = coherence.shared
        images = stored_images(settings, objects, files, shared.cache if shared else None)
        stack.push_async_callback(images.close)
        await plain.prepare(COLLECTIONS)
        buckets = shared.buckets if shared else MemoryBuckets(clock=clock)
        yield Backends(documents, plain, objects, chosen.presigner, files, images, buckets, clock, coherence, edges,
                       widen)  # fmt: skip


async def _coherence(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Coherence:
    trust = Trust()
    if not settings.redis_cluster_urls:
        return Coherence(Invalidation(), trust, None, None)
    shared = await stack.enter_async_context(open_shared(settings, clock, lambda: max(settings.workers, stream.live)))
    stream = Stream(shared.bus, clock, trust, node=secrets.token_hex(8))
    invalidation = Invalidation(shared.cache, stream)
    stack.push_async_callback(stream.close)
    stack.push_async_callback(invalidation.close)
    return Coherence(invalidation, trust, stream, shared)


def _documents(settings: Settings, clock: Clock) -> tuple[GuardedStore, Callable[[float], None]]:
    if settings.mongodb_uri is None:
        sqlite = SqliteStore.open(settings.data_dir / "gigaday.sqlite")
        return guarded_store(sqlite, clock, lambda: True), lambda factor: None
    from gigaday.backends.mongo_bulk import (
        MongoBulkStore,  # here, so that the embedded default starts without the driver
    )

    store = MongoBulkStore.open(
        settings.mongodb_uri.get_secret_value(),
        max_pool=settings.mongodb_max_pool_size,
        min_pool=settings.mongodb_min_pool_size,
    )
    return guarded_store(GatheredStore(store), clock, lambda: store.writable), store.widen


def database_admin(settings: Settings) -> "MongoAdmin | None":
    """What makes indexes and shards, or None where SQLite needs neither."""
    if settings.mongodb_uri is None:
        return None
    from gigaday.backends.mongo_admin import MongoAdmin

    return MongoAdmin.open(settings.mongodb_uri.get_secret_value())


def database_failover(settings: Settings) -> "MongoFailover | None":
    """What has another member lead, or None where SQLite has none."""
    if settings.mongodb_uri is None:
        return None
    from gigaday.backends.mongo_failover import MongoFailover

    return MongoFailover.open(settings.mongodb_uri.get_secret_value())


def describe(settings: Settings) -> dict[str, str]:
    """Each back end chosen, for the operator's eyes: no secrets."""
    return {
        "documents": "MongoDB" if settings.mongodb_uri else f"SQLite ({settings.data_dir / 'gigaday.sqlite'})",
        "objects": f"S3 (bucket {settings.s3_bucket})"
        if settings.s3_bucket
        else f"folder ({settings.data_dir / 'objects'})",
        "cache and limits": "Redis Cluster" if settings.redis_cluster_urls else "in process",
        "cdn": describe_cdn(settings),
    }
