"""What all nodes share in Redis: the cache, the bus of invalidations and the token buckets."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gigaday.compose.guards import guarded_cache
from gigaday.contracts import Bus, Clock
from gigaday.errors import BackendDown
from gigaday.limiting.failover import Failover, Guarded
from gigaday.limiting.leased import LeasedBuckets
from gigaday.resilience.breaker import Breaker
from gigaday.resilience.guard import Guard
from gigaday.resilience.switched_cache import SwitchedCache
from gigaday.settings import Settings

if TYPE_CHECKING:
    from gigaday.backends.redis_admin import RedisAdmin
    from gigaday.backends.redis_lane import Access


@dataclass
class Shared:
    """`buckets` lease from the cluster, or from the backup while the cluster is down."""

    cache: SwitchedCache
    guards: Mapping[str, Guard]
    bus: Bus
    buckets: LeasedBuckets
    failover: Failover


@asynccontextmanager
async def open_shared(settings: Settings, clock: Clock, workers: Callable[[], int]) -> AsyncIterator[Shared]:
    """Connects to nothing yet: a cluster that is down keeps no node from starting. Limits are shared out among as many
    as `workers` says."""
    # Here, so that the embedded default starts without the driver.
    from gigaday.backends.redis_buckets import RedisBuckets
    from gigaday.backends.redis_bus import RedisBus
    from gigaday.backends.redis_cache import RedisCache
    from gigaday.backends.redis_connect import Redis, addresses

    async with AsyncExitStack() as stack:

        def connect(urls: str) -> Redis:
            redis = Redis(addresses(urls), _access(settings, urls))
            stack.push_async_callback(redis.close)
            return redis

        cluster, *backup = [connect(urls) for urls in (settings.redis_cluster_urls, settings.redis_backup_urls) if urls]
        failover = Failover([Guarded(RedisBuckets(redis), Breaker(clock)) for redis in (cluster, *backup)])
        names = ("cache", "backup cache")
        caches = [
            guarded_cache(RedisCache(redis, clock=clock, unique=os.urandom), clock, name)
            for name, redis in zip(names, (cluster, *backup), strict=False)
        ]
        shared = Shared(
            cache=SwitchedCache(caches[0], caches[1] if backup else None, clock),
            guards={cache.guard.name: cache.guard for cache in caches},
            bus=RedisBus(cluster),
            buckets=LeasedBuckets(failover, workers, clock),
            failover=failover,
        )
        tending = asyncio.create_task(shared.buckets.tend())
        try:
            yield shared
        finally:
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending
            await shared.buckets.close()


def _access(settings: Settings, urls: str) -> "Access":
    """With TLS where the members are told as `rediss://`: a password must not travel in the open because of a scheme
    that was overlooked."""
    from gigaday.backends.redis_lane import Access

    password = settings.redis_password.get_secret_value() if settings.redis_password else ""
    return Access(password=password, tls=ssl.create_default_context() if "rediss://" in urls else None)


def redis_admins(settings: Settings) -> "dict[str, RedisAdmin]":
    """What looks at the cluster and at its backup, by the name that an operator knows them by."""
    from gigaday.backends.redis_admin import RedisAdmin
    from gigaday.backends.redis_connect import addresses

    clusters = {"redis": settings.redis_cluster_urls, "redis backup": settings.redis_backup_urls}
    return {name: RedisAdmin(addresses(urls), _access(settings, urls)) for name, urls in clusters.items() if urls}


def backup_answers(settings: Settings) -> Callable[[], Awaitable[None]] | None:
    """Asks every member of the backup cluster, where there is one; raises BackendDown where one does not answer, or a
    part of the keys has nobody to keep it."""
    admin = redis_admins(settings).get("redis backup")
    if admin is None:
        return None

    async def ask() -> None:
        members, silent = await admin.members()
        if silent:
            raise BackendDown("; ".join(f"{where}: {why}" for where, why in silent.items()))
        if failing := [member.address for member in members if member.state != "ok"]:
            raise BackendDown(f"not whole, as {', '.join(failing)} tells")

    return ask
