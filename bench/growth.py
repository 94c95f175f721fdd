"""CPU of a hot request with 1,000,000 products of 100,000 tenants against 1,000 of 10, sharing a real Redis Cluster."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import uvloop

from bench.client import Repeated, headers_of, scope_of
from bench.crowd import Crowd
from bench.pipeline import Pipeline, pipeline
from bench.plot import bars
from bench.report import Figure, medians, micro
from bench.scene import Scene, scene, with_redis

TENANTS, EACH = 100_000, 10
WORKING_SET, REQUESTS, ROUNDS = 1_000, 20_000, 7
UNIFORM = 5_000
_PATIENCE = 10.0
_Asked = Sequence[dict[str, Any]]


def run(scale: float) -> list[Figure]:
    """One ratio of requests that the cache holds; and what requests for anything at all cost."""
    with ExitStack() as stack:
        places = [stack.enter_context(scene()) for _ in range(2)]
        stack.enter_context(with_redis(places[0]))
        places[1].environ.update({name: places[0].environ[name] for name in ("REDIS_CLUSTER_URLS", "CLUSTER_SIZE")})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_compare(places, max(100, int(TENANTS * scale))))


async def _compare(places: Sequence[Scene], tenants: int) -> list[Figure]:
    few, many = Crowd(10, 100), Crowd(tenants, EACH, first=1_000_000)
    # As many hot tenants without the others: tells what the crowd costs from what its size does.
    spread_few = Crowd(WORKING_SET, 1, first=500_000)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(pipeline(place.settings)) for place in places]
        for node, crowd, place in zip(nodes, (few, many), places, strict=True):
            await crowd.fill(node.backends, place.settings)
        await spread_few.fill(nodes[0].backends, places[0].settings)
        hot = [
            (nodes[0], _hot(few, 10)),
            (nodes[1], _hot(many, WORKING_SET // EACH)),
            (nodes[0], _hot(spread_few, WORKING_SET)),
            (nodes[1], _hot(many, WORKING_SET)),
        ]
        for node, scopes in hot:
            await _warm(node, scopes)
        rounds = [[await _cpu(node, scopes, REQUESTS) for node, scopes in hot] for _ in range(ROUNDS)]
        hits = nodes[1].services.responses.hits
        uniform = await _cpu(nodes[1], _uniform(many), UNIFORM)
        share = (nodes[1].services.responses.hits - hits) / UNIFORM
    small, whole, small_spread, spread = medians(rounds)
    products = f"{tenants * EACH:,} products of {tenants:,} tenants"
    bars("growth", "CPU a hot request, in microseconds, of 1,000 that are hot",
         {"1,000 products of 10 tenants": small * 1e6, f"{products}: 100 tenants hot": whole * 1e6,
          f"{products}: 1,000 tenants hot": spread * 1e6})  # fmt: skip
    return [
        Figure(f"{products}: 1,000 of 100 tenants hot / 1,000 of 10", _ratio(whole, small), "<= 1.15"),
        Figure(f"{products}: 1,000 of 1,000 tenants hot / 1,000 of 10", _ratio(spread, small), "<= 1.15"),
        Figure(f"{products}: 1,000 of 1,000 tenants hot / 1,000 of 1,000", _ratio(spread, small_spread), "<= 1.15"),
        Figure(f"{products}: any at random: CPU a request; share of hits", f"{micro(uniform)}; {share:.0%}"),
    ]


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}  ({one * 1e6:.1f} us / {other * 1e6:.1f} us)"


def _hot(crowd: Crowd, tenants: int) -> list[dict[str, Any]]:
    """The working set, spread over so many tenants."""
    chosen = crowd.numbers[:: max(1, len(crowd.numbers) // tenants)][:tenants]
    products = range(WORKING_SET // len(chosen))
    scopes = [_asked(crowd, tenant, product) for tenant in chosen for product in products]
    random.Random(1).shuffle(scopes)
    return scopes


def _uniform(crowd: Crowd) -> list[dict[str, Any]]:
    drawn = random.Random(2)
    return [_asked(crowd, drawn.choice(crowd.numbers), drawn.randrange(crowd.each)) for _ in range(UNIFORM)]


def _asked(crowd: Crowd, tenant: int, product: int) -> dict[str, Any]:
    return scope_of(headers_of(crowd.token(tenant)), crowd.path(tenant, product))


async def _warm(node: Pipeline, scopes: _Asked) -> None:
    """Until all of them are hits: once the stream is trusted, every answer is kept, and every limit is leased."""
    deadline = time.monotonic() + _PATIENCE
    hot = 0
    while hot < len(scopes):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(scopes) - hot} of {len(scopes)} requests do not become hits")
        before = node.services.responses.hits
        await _ask(node, scopes, len(scopes))
        hot = node.services.responses.hits - before


async def _cpu(node: Pipeline, scopes: _Asked, count: int) -> float:
    """Seconds of CPU a request."""
    started = time.process_time()
    await _ask(node, scopes, count)
    return (time.process_time() - started) / count


async def _ask(node: Pipeline, scopes: _Asked, count: int) -> None:
    client = Repeated(node.app)
    for number in range(count):
        if (status := await client.ask(scopes[number % len(scopes)])) != 200:
            raise RuntimeError(f"a request was answered {status}")
        if not number % 100:
            await asyncio.sleep(0)  # hits wait for nothing, and the node's own tasks must run
