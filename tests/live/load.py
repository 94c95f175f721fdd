"""The load on several nodes while something happens to them, and what must hold of it whatever happens."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gigaday.api import products
from gigaday.caching.trust import BOUND
from gigaday.model.plan import PLANS
from gigaday.rules import leases
from tests.live.traffic import CONSISTENCY, Clients, History, Seen, Tenant, most_within, running, until

PRODUCTS = 50
FREE = PLANS["free"].policy
COST = products.RESOURCE.list_cost
HIT_RATE = 0.9
SETTLED = 20.0
"""Seconds in which a busy machine has certainly brought everything up again."""


class Load:
    """Readers of every product through every node, a writer that goes from node to node, one that asks for far more
    than its limit and one that stays below it."""

    def __init__(self, clients: Clients, tenants: list[Tenant], made: list[str]) -> None:
        self.clients, self.products = clients, made
        self.shop, self.hammer, self.steady = tenants
        self.history, self.readers = History(), Tenant(self.shop.id, self.shop.token, self.shop.token_id)
        self._turns = itertools.count()

    @classmethod
    async def prepared(cls, clients: Clients) -> "Load":
        tenants = [await clients.tenant(plan) for plan in ("unlimited", "free", "free")]
        return cls(clients, tenants, await clients.products(tenants[0], PRODUCTS))

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        """Returns with the caches warm."""
        readers = [lambda node=node: self._read(node) for node in range(len(self.clients)) for _ in range(2)]
        hammers = [lambda node=node: self._hammer(node) for node in range(len(self.clients))]
        async with running(*readers, self._write, *hammers, self._go_steady):
            await until(self._warm, SETTLED, "the caches do not warm up")
            yield

    async def _warm(self) -> bool:
        return self.hit_rate(time.monotonic() - 0.5) >= HIT_RATE

    def hit_rate(self, since: float) -> float:
        """Of the readers, of all that they began from `since` on."""
        recent = list(itertools.takewhile(lambda seen: seen.begun >= since, reversed(self.readers.answers)))
        return sum(seen.cached for seen in recent) / len(recent) if len(recent) >= 30 else 0.0

    async def recovered(self, began: float) -> float:
        """Seconds from `began` until the hit rate of half a second is back."""
        await until(self._warm, SETTLED, "the hit rate does not come back")
        return time.monotonic() - began

    async def _read(self, node: int) -> None:
        product = random.choice(self.products)
        self.history.reads.append((product, await self.clients.ask(node, f"/products/{product}", self.readers)))
        await asyncio.sleep(0.025)

    async def _write(self) -> None:
        """Own writes are seen at once on the node written to, and elsewhere by who shows the token."""
        node, product = next(self._turns) % len(self.clients), random.choice(self.products)
        version, token = await self.clients.write(node, product, self.shop, self.history)
        assert (await self.see(node, product)).version >= version
        other = (node + 1) % len(self.clients)
        assert (await self.see(other, product, **{CONSISTENCY: token})).version >= version
        await asyncio.sleep(0.2)

    async def see(self, node: int, product: str, **headers: str) -> Seen:
        seen = await self.clients.ask(node, f"/products/{product}", self.shop, headers=headers)
        self.history.reads.append((product, seen))
        return seen

    async def _hammer(self, node: int) -> None:
        await self.clients.ask(node, "/products", self.hammer)
        await asyncio.sleep(0.01)

    async def _go_steady(self) -> None:
        """At half of what its limit refills."""
        await self.clients.ask(next(self._turns) % len(self.clients), "/tenant", self.steady)
        await asyncio.sleep(2 * FREE.window / FREE.quota)

    def check(self, sources: int) -> None:
        """`sources` are the buckets that stood in for each other, as `leases.most_admitted` counts them."""
        answers = [*self.shop.answers, *self.readers.answers, *self.hammer.answers, *self.steady.answers]
        assert [seen for seen in answers if seen.status in (0, 401, 403) or seen.status >= 500] == []
        assert {seen.status for seen in self.readers.answers + self.shop.answers} == {200}
        assert self.history.oldest() < BOUND
        assert {seen.status for seen in self.steady.answers} == {200}
        self._check_limit(sources)

    def _check_limit(self, sources: int) -> None:
        admitted = [seen for seen in self.hammer.answers if seen.status == 200]
        assert len(admitted) < len(self.hammer.answers)
        for seconds in (1, 10, 60):
            taken = COST * most_within(admitted, seconds)
            assert taken <= leases.most_admitted(FREE, len(self.clients), seconds, sources), seconds

    def taken(self, since: float, until: float) -> int:
        """Tokens that the hammering tenant certainly took between the two."""
        found = [seen for seen in self.hammer.answers if seen.begun >= since and seen.ended <= until]
        return COST * sum(seen.status == 200 for seen in found)

    def report(self, **more: float) -> str:
        admitted = sum(seen.status == 200 for seen in self.hammer.answers)
        slowest = max(seen.ended - seen.begun for seen in self.readers.answers)
        lasted = self.hammer.answers[-1].ended - self.hammer.answers[0].begun
        beyond = COST * admitted / leases.most_admitted(FREE, len(self.clients), lasted)
        figures = {"lasted": lasted, "oldest": self.history.oldest(), "slowest": slowest, "beyond": beyond, **more}
        told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        return f"{len(self.readers.answers)} reads, {admitted} of {len(self.hammer.answers)} admitted, {told}"
