"""Many tenants, each with a token and a few products, written straight into the store: making them through the API
would take longer than what is measured."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from itertools import islice

from bench.scene import document
from gigaday.compose import Backends
from gigaday.compose.services import pepper_of
from gigaday.contracts import OPERATOR, Document, DocumentStore, Insert
from gigaday.model.product import PRODUCTS
from gigaday.model.tenant import TENANTS
from gigaday.model.token import TOKENS
from gigaday.rules import ids, secrets
from gigaday.settings import Settings

_CHUNK, _AT_ONCE = 5_000, 512
_FIRST = 1_700_000_000
_WHEN = "2026-01-01T00:00:00.000Z"
_MADE = {"createdAt": _WHEN, "updatedAt": _WHEN, "version": 1}
_SCOPES = ["products:read", "products:write"]


class Crowd:
    """`tenants` tenants, numbered from `first`, with `each` products. All that they have follows from their numbers."""

    def __init__(self, tenants: int, each: int, *, first: int = 0, plan: str = "unlimited") -> None:
        self.numbers, self.each, self._plan = range(first, first + tenants), each, plan
        self._like = document(0)

    def token(self, tenant: int) -> str:
        return _secret(tenant).text

    def path(self, tenant: int, product: int) -> str:
        """Of the tenant's product of that number, below `each`."""
        return f"/api/v1/products/{_id(tenant * self.each + product)}"

    async def fill(self, backends: Backends, settings: Settings) -> None:
        store, pepper = backends.plain, pepper_of(settings)
        for chunk in _chunks(self.numbers):
            await store.write(TENANTS, OPERATOR, [Insert(self._tenant(number)) for number in chunk])
            await store.write(TOKENS, OPERATOR, [Insert(self._record(number, pepper)) for number in chunk])
        for tenants in _chunks(self.numbers, _AT_ONCE):
            await asyncio.gather(*(self._fill_one(store, tenant) for tenant in tenants))

    async def _fill_one(self, store: DocumentStore, tenant: int) -> None:
        first = tenant * self.each
        for numbers in _chunks(range(first, first + self.each)):
            await store.write(PRODUCTS, _name(tenant), [Insert(self._product(number)) for number in numbers])

    def shuffled(self) -> list[tuple[int, int]]:
        """Each product once, with its tenant before it, in no order."""
        asked = [(tenant, product) for tenant in self.numbers for product in range(self.each)]
        random.Random(4).shuffle(asked)
        return asked

    async def read(self, store: DocumentStore, tenant: int, product: int) -> None:
        """What a node reads for the first request of a tenant, for one product."""
        await store.get(TOKENS, OPERATOR, _secret(tenant).id)
        await store.get(TENANTS, OPERATOR, _name(tenant))
        if await store.get(PRODUCTS, _name(tenant), _id(tenant * self.each + product)) is None:
            raise RuntimeError("a product is missing")

    def _tenant(self, number: int) -> Document:
        return {"_id": _name(number), "name": f"Tenant {number}", "plan": self._plan, "status": "active",
                "settings": {}, "createdBy": OPERATOR, **_MADE}  # fmt: skip

    def _record(self, number: int, pepper: bytes) -> Document:
        secret = _secret(number)
        return {
            "_id": secret.id, "tenant": _name(number), "name": "bench", "kind": "secret", "scopes": _SCOPES,
            "digest": secrets.digest(secret.text, pepper), "expiresAt": None, "revokedAt": None, "lastUsedAt": None,
            "createdBy": OPERATOR, **_MADE,
        }  # fmt: skip

    def _product(self, number: int) -> Document:
        return {**self._like, "_id": _id(number), "createdBy": _name(number // self.each)}


def _secret(tenant: int) -> secrets.Secret:
    """By a factor that spreads the numbers, and is odd, so that they stay as distinct as they are."""
    return secrets.make("live", (tenant * 0x9E3779B97F4A7C15).to_bytes(secrets.RANDOM_BYTES, "big"))


def _name(tenant: int) -> str:
    return f"tenant-{tenant}"


def _id(product: int) -> str:
    return ids.make(_FIRST + product / 100, product.to_bytes(10, "big"))


def _chunks(numbers: Sequence[int], size: int = _CHUNK) -> Iterator[list[int]]:
    remaining = iter(numbers)
    while chunk := list(islice(remaining, size)):
        yield chunk
