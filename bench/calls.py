"""Redis calls of a busy tenant on a real cluster: for an admitted request and a hit, by our count and Redis' own."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import uvloop

from bench.client import Repeated, headers_of, scope_of
from bench.crowd import Crowd
from bench.pipeline import Pipeline, pipeline
from bench.plot import bars
from bench.report import Figure
from bench.scene import Scene, scene, with_redis
from tests.servers.redis import RedisCluster

REQUESTS, PRODUCTS, WARM = 50_000, 100, 5_000
PLANS = ("standard", "unlimited")
_LEASES = ("evalsha", "eval")
_IN_LEASE = ("get", "set", "time")
"""What the script of a lease calls, once each; Redis counts it as well."""
_CACHE = ("get", "set", "mget", "mset", "incr", "setex")


def run(scale: float) -> list[Figure]:
    """Calls per request, for a tenant of each plan whose lease lasts."""
    requests = max(5_000, int(REQUESTS * scale))
    figures: list[Figure] = []
    for plan in PLANS:
        loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        with scene() as place, with_redis(place) as cluster, loop as runner:
            figures += runner.run(_measure(place, cluster, plan, requests))
    return figures


async def _measure(place: Scene, cluster: RedisCluster, plan: str, requests: int) -> list[Figure]:
    crowd = Crowd(1, PRODUCTS, plan=plan)
    async with pipeline(place.settings) as node:
        await crowd.fill(node.backends, place.settings)
        shared = node.backends.coherence.shared
        assert shared is not None
        headers = headers_of(crowd.token(0))
        scopes = [scope_of(headers, crowd.path(0, number)) for number in range(PRODUCTS)]
        await _trusted(node, scopes)
        hits, trips, before = node.services.responses.hits, shared.buckets.counts.round_trips, _commands(cluster)
        admitted = await _ask(node, scopes, requests)
        hits = node.services.responses.hits - hits
        trips, made = shared.buckets.counts.round_trips - trips, _since(before, _commands(cluster))
    leases = sum(made.get(name, 0) for name in _LEASES)
    cache = sum(made.get(name, 0) - leases * (name in _IN_LEASE) for name in _CACHE if name in made)
    bars(f"calls-{plan}", f"Redis commands while {admitted:,} requests were admitted", dict(sorted(made.items())))
    return [
        Figure(f"{plan}: lease calls / admitted request, by our count", _share(trips, admitted), "<= 1/50"),
        Figure(f"{plan}: the same, by Redis' count", _share(leases, admitted), "<= 1/50"),
        Figure(f"{plan}: cache commands, for {hits:,} hits", f"{cache}", "0"),
        Figure(f"{plan}: the node's other commands meanwhile", _told(made, (*_LEASES, *_IN_LEASE, *_CACHE))),
    ]


def _share(calls: int, requests: int) -> str:
    return f"1/{requests / calls:,.0f}  ({calls:,} for {requests:,})" if calls else f"none for {requests:,}"


def _told(made: dict[str, int], but: Sequence[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(made.items()) if name not in but) or "none"


async def _trusted(node: Pipeline, scopes: Sequence[dict[str, Any]]) -> None:
    """Until a whole turn is hits."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        before = node.services.responses.hits
        await _ask(node, scopes, len(scopes))
        if node.services.responses.hits - before == len(scopes):
            await _ask(node, scopes, WARM)
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the stream of invalidations is not trusted")


async def _ask(node: Pipeline, scopes: Sequence[dict[str, Any]], count: int) -> int:
    """How many were admitted. As a server does, it lets the event loop turn after a few requests."""
    client, admitted, asked = Repeated(node.app), 0, cycle(scopes)
    for number in range(count):
        admitted += await client.ask(next(asked)) == 200
        if not number % 16:
            await asyncio.sleep(0)
    return admitted


def _commands(cluster: RedisCluster) -> dict[str, int]:
    """How often each command was called, over all members."""
    found: dict[str, int] = {}
    for index in range(len(cluster.ports)):
        for line in cluster.call(index, "INFO", "commandstats").splitlines():
            if line.startswith("cmdstat_"):
                name, _, stats = line.removeprefix("cmdstat_").partition(":")
                found[name] = found.get(name, 0) + int(stats.partition("calls=")[2].partition(",")[0])
    return found


def _since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
