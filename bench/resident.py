"""What `bench.memory` does in processes of their own, each of which tells how its resident memory went."""

import asyncio
import ctypes
import gc
import os
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from itertools import count, cycle
from typing import Any, NamedTuple, TypeVar

import uvloop

from bench import processes
from bench.client import Repeated, headers_of, scope_of
from bench.crowd import Crowd
from bench.pipeline import Pipeline, pipeline
from gigaday import compose, settings
from gigaday.backends.clock import SystemClock
from gigaday.caching.coherent import Coherent
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.local import DEFAULT_BYTES
from gigaday.caching.trust import Trust
from gigaday.edge.entry import Entry, EntryCodec
from gigaday.model.caching import CacheRule
from gigaday.rules import tags
from gigaday.rules.freshness import Lifetime

R = TypeVar("R")
_RULE = CacheRule("products", "", "products:read", 3_600.0, 1)
_TIMES_OVER, _BODY = 3, 600
_SAMPLES = 20


class Grown(NamedTuple):
    """Bytes by which the process grew, and those that the caches say they hold."""

    process: int
    caches: int


def fill_cache(tenants: int, accepted: Sequence[str] = ("",)) -> Grown:
    """Fills the cache of answers alone, each in all encodings `accepted`, until it has evicted as much as it holds
    twice over."""
    return _run(_fill_cache(tenants, accepted))


def fill_store(environ: dict[str, str], crowd: Crowd) -> None:
    async def fill() -> None:
        chosen = settings.load(environ)
        async with compose.open_backends(chosen) as backends:
            await crowd.fill(backends, chosen)

    _run(fill())


def ask_each(environ: dict[str, str], crowd: Crowd) -> Grown:
    """Asks a whole node for every product of the crowd, in no order."""
    return _run(_ask_each(environ, crowd))


def read_each(environ: dict[str, str], crowd: Crowd) -> int:
    """Bytes by which a process grows that reads the same from the store alone: what the database's own cache takes."""
    return _run(_read_each(environ, crowd))


def ask_often(environ: dict[str, str], crowd: Crowd, requests: int) -> list[tuple[int, int]]:
    """How many requests were answered, and the resident memory then, at even distances."""
    return _run(_ask_often(environ, crowd, requests))


async def _fill_cache(tenants: int, accepted: Sequence[str]) -> Grown:
    cache = Coherent[Entry](SystemClock(), EntryCodec(), Invalidation(), Trust(), max_bytes=DEFAULT_BYTES)
    before = _resident()
    drawn, number = random.Random(3), count()
    held = 0
    while held < _TIMES_OVER * DEFAULT_BYTES:
        id, owner = f"{next(number):026}", f"tenant-{drawn.randrange(tenants)}"
        await _keep(cache, owner, id, accepted)
        held += 2 * _BODY + 2_000
    return Grown(_resident() - before, cache.bytes)


async def _keep(cache: Coherent[Entry], owner: str, id: str, accepted: Sequence[str]) -> None:
    async def load() -> Entry:
        headers = [(b"content-type", b"application/json"), (b"etag", f'"{id}.1"'.encode()),
                   (b"cache-control", b"private, no-cache")]  # fmt: skip
        return Entry(200, headers, id.encode().ljust(_BODY), _RULE)

    under = tags.of_item(owner, "products", id)
    answer = await cache.fetch(f"{owner} /api/v1/products/{id}?", under, load, Lifetime())
    for accept in accepted:
        await answer.value.make(accept)


async def _ask_each(environ: dict[str, str], crowd: Crowd) -> Grown:
    async with pipeline(settings.load(environ)) as node:
        asked, client = crowd.shuffled(), Repeated(node.app)
        await _ok(client, _scope(crowd, *asked[0]))  # loads what Python imports late
        before = _resident()
        for number, (tenant, product) in enumerate(asked):
            await _ok(client, _scope(crowd, tenant, product))
            await _breathe(number)
        return Grown(_resident() - before, sum(one.bytes for one in gc.get_objects() if isinstance(one, Coherent)))


async def _read_each(environ: dict[str, str], crowd: Crowd) -> int:
    chosen = settings.load(environ)
    async with compose.open_backends(chosen) as backends:
        asked = crowd.shuffled()
        await crowd.read(backends.documents, *asked[0])
        before = _resident()
        for number, (tenant, product) in enumerate(asked):
            await crowd.read(backends.documents, tenant, product)
            await _breathe(number)
        return _resident() - before


async def _ask_often(environ: dict[str, str], crowd: Crowd, requests: int) -> list[tuple[int, int]]:
    async with pipeline(settings.load(environ)) as node:
        return [sample async for sample in _samples(node, crowd, requests)]


async def _samples(node: Pipeline, crowd: Crowd, requests: int) -> AsyncIterator[tuple[int, int]]:
    client, tenant = Repeated(node.app), crowd.numbers[0]
    headers = headers_of(crowd.token(tenant))
    asked = cycle([scope_of(headers, crowd.path(tenant, product)) for product in range(crowd.each)])
    for number in range(1, requests + 1):
        await _ok(client, next(asked))
        await _breathe(number)
        if not number % (requests // _SAMPLES):
            yield number, _resident()


def _scope(crowd: Crowd, tenant: int, product: int) -> dict[str, Any]:
    return scope_of(headers_of(crowd.token(tenant)), crowd.path(tenant, product))


async def _breathe(number: int) -> None:
    """Lets the loop end what ended: nothing here waits for it."""
    if not number % 64:
        await asyncio.sleep(0)


async def _ok(client: Repeated, scope: dict[str, Any]) -> None:
    if (status := await client.ask(scope)) != 200:
        raise RuntimeError(f"a request was answered {status}")


def _resident() -> int:
    """Of what lives: free memory that the allocator keeps would hide growth, or be taken for it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return processes.memory(os.getpid(), "VmRSS")


def _run(work: Coroutine[Any, Any, R]) -> R:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
