"""Clients that use several nodes at once, and what they saw, on one clock.

A write is noted when its answer is here and a read when it is about to be sent, both later, or earlier, than the node
itself would say: a read that is found too old by these times is too old by any, so the bound needs no allowance for
clocks. All of it is one process on the nodes' own machine.
"""

import asyncio
import random
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

CONSISTENCY = "X-Consistency-Token"
_WAIT = httpx.Timeout(30)


@dataclass(frozen=True)
class Seen:
    """One answer; `status` 0 where the connection failed."""

    node: int
    begun: float
    ended: float
    status: int
    version: int = 0
    how: str = ""
    degraded: str = ""
    retry_after: str = ""
    text: str = ""

    @property
    def cached(self) -> bool:
        return self.how.startswith("gigaday; hit")


@dataclass
class History:
    """Acknowledged versions of each product, with when, and every read of it."""

    written: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    reads: list[tuple[str, Seen]] = field(default_factory=list)

    def acknowledged(self, product: str, version: int) -> None:
        self.written.setdefault(product, []).append((time.monotonic(), version))

    def due(self, product: str, at: float) -> int:
        """The version that every read from `at` on has to show at least."""
        known = self.written.get(product, [])
        place = bisect_right(known, (at, 1 << 60))
        return known[place - 1][1] if place else 0

    def oldest(self) -> float:
        """By how many seconds the most outdated answer had been overtaken when its read began."""
        return max((self._age(product, seen) for product, seen in self.reads if seen.status == 200), default=0.0)

    def _age(self, product: str, seen: Seen) -> float:
        overtaken = next((at for at, version in self.written.get(product, ()) if version > seen.version), seen.begun)
        return max(0.0, seen.begun - overtaken)


@dataclass
class Tenant:
    """`answers` of all its clients, in the order in which they came."""

    id: str
    token: str
    token_id: str
    answers: list[Seen] = field(default_factory=list)


class Clients:
    """HTTP to every node, as any tenant."""

    def __init__(self, urls: Sequence[str], operator: str) -> None:
        self._nodes = [httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=_WAIT) for url in urls]
        self._operator = operator

    def __len__(self) -> int:
        return len(self._nodes)

    async def close(self) -> None:
        for node in self._nodes:
            await node.aclose()

    async def tenant(self, plan: str) -> Tenant:
        """A new one."""
        id = f"t{random.getrandbits(48):x}"
        await self.call("POST", "/admin/tenants", self._operator, json={"id": id, "name": id, "plan": plan})
        made = await self.call("POST", f"/admin/tenants/{id}/tokens", self._operator, json={"name": "test"})
        return Tenant(id, made.json()["token"], made.json()["_id"])

    async def suspend(self, tenant: Tenant) -> None:
        await self.call("PATCH", f"/admin/tenants/{tenant.id}", self._operator, json={"status": "suspended"})

    async def products(self, tenant: Tenant, count: int) -> list[str]:
        """New ones, by their ids."""
        made = [await self.call("POST", "/products", tenant.token, json={"name": f"p{n}"}) for n in range(count)]
        return [answer.json()["_id"] for answer in made]

    async def call(self, method: str, path: str, token: str, node: int = 0, **more: Any) -> httpx.Response:
        """What must succeed."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._nodes[node].request(method, path, headers=headers, **more)
        assert answer.is_success, answer.text
        return answer

    async def ask(self, node: int, path: str, tenant: Tenant, method: str = "GET", **more: Any) -> Seen:
        """What may fail; the tenant remembers it."""
        headers = {"Authorization": f"Bearer {tenant.token}", **more.pop("headers", {})}
        begun = time.monotonic()
        try:
            answer = await self._nodes[node].request(method, path, headers=headers, **more)
        except httpx.TransportError as error:
            seen = Seen(node, begun, time.monotonic(), 0, text=repr(error))
        else:
            seen = _seen(node, begun, answer)
        tenant.answers.append(seen)
        return seen

    async def write(self, node: int, product: str, tenant: Tenant, history: History) -> tuple[int, str]:
        """A change that must succeed: the version it made, and the token that names it."""
        begun = time.monotonic()
        headers = {"Authorization": f"Bearer {tenant.token}"}
        change = {"description": f"{begun}"}
        answer = await self._nodes[node].patch(f"/products/{product}", headers=headers, json=change)
        seen = _seen(node, begun, answer)
        tenant.answers.append(seen)
        assert seen.status == 200, answer.text
        history.acknowledged(product, seen.version)
        return seen.version, answer.headers.get(CONSISTENCY, "")


def _seen(node: int, begun: float, answer: httpx.Response) -> Seen:
    ok = answer.status_code == 200
    told = answer.headers
    return Seen(
        node, begun, time.monotonic(), answer.status_code, answer.json().get("version", 0) if ok else 0,
        told.get("cache-status", ""), told.get("x-degraded", ""), told.get("retry-after", ""),
        "" if ok else answer.text,
    )  # fmt: skip


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Each called again and again while the context lasts; what one raises is raised at the end, at the latest."""
    stop = asyncio.Event()

    async def run(loop: Callable[[], Awaitable[None]]) -> None:
        while not stop.is_set():
            await loop()

    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(run(loop))
        try:
            yield
        finally:
            stop.set()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, complaint: str) -> float:
    """Asks until it holds; the seconds that took."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, complaint
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def most_within(answers: Iterable[Seen], seconds: float) -> int:
    """The most of them that were certainly decided within any `seconds`."""
    whole = sorted(answers, key=lambda seen: seen.begun)
    most, first, end = 0, 0, 0.0
    for last, seen in enumerate(whole):
        end = max(end, seen.ended)
        while first < last and end - whole[first].begun > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
