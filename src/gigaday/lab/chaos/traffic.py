"""What clients do during a run: reads, lists and writes that come when they come, the same for the same seed.

A read is sent once; a write is sent again with the same Idempotency-Key until it is answered for good or nobody would
wait any longer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import msgspec

from gigaday.errors import GigadayError
from gigaday.lab.chaos.client import Answer, Client
from gigaday.lab.chaos.history import History
from gigaday.lab.chaos.samples import Sample

API = "/api/v1"
_RETRIED = {0, 409, 429, 502, 503, 504}


class Unanswered(GigadayError):
    """What the run itself needs of the deployment failed."""


@dataclass(frozen=True)
class Mix:
    """`rate` requests a second: shares of what they are, over `products` that are there beforehand; a write is tried
    `attempts` times, at most `patience` seconds long."""

    rate: float = 60.0
    reads: float = 0.7
    lists: float = 0.1
    creates: float = 0.12
    changes: float = 0.08
    uploads: float = 0.0
    products: int = 40
    changed: int = 8
    attempts: int = 8
    patience: float = 8.0


@dataclass
class Traffic:
    """Of one tenant. `samples` and `history` grow while `flowing`."""

    client: Client
    mix: Mix
    seed: int
    samples: list[Sample] = field(default_factory=list)
    history: History = field(default_factory=History)
    products: Sequence[str] = ()
    began: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def prepare(self) -> None:
        """Makes the products that are read and changed. Raises Unanswered where that cannot be."""
        made: list[str] = []
        for number in range(self.mix.products):
            sku = f"base-{self.seed}-{number}"
            answer = await self.client.request("POST", f"{API}/products", {"name": "Stool", "sku": sku})
            if answer.status != 201:
                raise Unanswered(f"no product could be made: {answer.status} {answer.text or answer.body.decode()}")
            made.append(answer.json()["_id"])
            self.history.tried.add(sku)
            self.history.acknowledged(sku, made[-1])
        self.products = made

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """While it lasts, requests are sent; at the end all of them have been answered or given up."""
        self.began = time.monotonic()
        sending = asyncio.create_task(self._send())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, *self._tasks, return_exceptions=True)

    async def held(self) -> list[dict[str, object]]:
        """All products of the tenant. Raises Unanswered where they cannot be read."""
        answer = await self.client.request("GET", f"{API}/products/export?format=jsonl")
        if answer.status != 200:
            raise Unanswered(f"the export failed: {answer.status} {answer.text or answer.body[:300].decode()}")
        return [msgspec.json.decode(line) for line in answer.body.splitlines()]

    async def _send(self) -> None:
        chance, number = Random(self.seed), 0  # noqa: S311 - the same again is what is wanted
        while True:
            due = number / self.mix.rate
            await asyncio.sleep(max(0.0, self.began + due - time.monotonic()))
            task = asyncio.create_task(self._one(chance, number, due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            number += 1

    async def _one(self, chance: Random, number: int, due: float) -> None:
        kinds = ("read", "list", "create", "change", "upload")
        weights = (self.mix.reads, self.mix.lists, self.mix.creates, self.mix.changes, self.mix.uploads)
        [kind] = chance.choices(kinds, weights)
        product = chance.choice(self.products)
        changed = chance.choice(self.products[: self.mix.changed])
        # Of each its own start, so that the sequence does not depend on what the answers were.
        if kind == "read":
            self._note(due, kind, await self.client.request("GET", f"{API}/products/{product}"), 1)
        elif kind == "list":
            self._note(due, kind, await self.client.request("GET", f"{API}/products?limit=20"), 1)
        elif kind == "create":
            await self._create(number, due)
        elif kind == "change":
            await self._change(number, due, changed)
        else:
            await self._upload(number, due)

    async def _create(self, number: int, due: float) -> None:
        sku = f"s{self.seed}-{number}"
        self.history.tried.add(sku)
        answer, attempts = await self._persist("POST", f"{API}/products", {"name": "Lamp", "sku": sku}, sku)
        if answer.status == 201:
            self.history.acknowledged(sku, answer.json()["_id"])
        self._note(due, "create", answer, attempts)

    async def _change(self, number: int, due: float, product: str) -> None:
        key, body = f"c{self.seed}-{number}", {"description": f"changed {number}"}
        answer, attempts = await self._persist("PATCH", f"{API}/products/{product}", body, key)
        if answer.status == 200:
            self.history.changed[product] += 1
            await self._read_own(product, answer)
        elif answer.status in _RETRIED or answer.status >= 500:
            self.history.unsure[product] += 1
        self._note(due, "change", answer, attempts)

    async def _read_own(self, product: str, written: Answer) -> None:
        """Reads what was just written, perhaps from another node, with the token that the write gave."""
        token = written.headers.get("x-consistency-token", "")
        answer = await self.client.request("GET", f"{API}/products/{product}", None, {"X-Consistency-Token": token})
        if answer.status == 200:
            self.history.read(product, answer.json()["version"], written.json()["version"])

    async def _upload(self, number: int, due: float) -> None:
        key, body = f"u{self.seed}-{number}", b"%d " % number * 200
        headers = {"Content-Type": "text/plain", "X-Filename": f"{key}.txt", "Idempotency-Key": key}
        answer = await self.client.request("POST", f"{API}/media", body, headers)
        self._note(due, "upload", answer, 1)

    async def _persist(self, method: str, path: str, body: object, key: str) -> tuple[Answer, int]:
        """The last answer, and how many were asked for."""
        until, wait = time.monotonic() + self.mix.patience, 0.1
        attempts = 0
        while True:
            answer = await self.client.request(method, path, body, {"Idempotency-Key": key})
            attempts += 1
            given_up = attempts == self.mix.attempts or time.monotonic() + wait > until
            if answer.status not in _RETRIED or given_up:
                return answer, attempts
            await asyncio.sleep(wait)
            wait *= 2

    def _note(self, due: float, kind: str, answer: Answer, attempts: int) -> None:
        took = time.monotonic() - self.began - due
        degraded = answer.headers.get("x-degraded", "")
        told, faults = _problem(answer)
        hit = "; hit" in answer.headers.get("cache-status", "")
        self.samples.append(Sample(due, took, kind, answer.status, attempts, degraded, told, faults, hit))


def _problem(answer: Answer) -> tuple[str, tuple[str, ...]]:
    """The code of an error, and what is wrong with how it is told."""
    if answer.status < 400:
        return "", ()
    faults = []
    if answer.status in (429, 503) and "retry-after" not in answer.headers:
        faults.append(f"{answer.status} without Retry-After")
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return "", (*faults, f"{answer.status} that is no problem+json")
    try:
        body = answer.json()
    except ValueError:
        return "", (*faults, "problem+json that is no JSON")
    return str(body.get("code", "")), (*faults, *(() if body.get("request_id") else ("an error without request id",)))
