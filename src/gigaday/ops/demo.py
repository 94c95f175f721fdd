"""The demo tenant: a seeded catalogue with pictures of its own making, so that a first start has something to show."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gigaday.contracts import Clock, Document, DocumentStore, Insert, ObjectStore, Query
from gigaday.errors import Conflict
from gigaday.model.product import PRODUCTS
from gigaday.ops import demo_images
from gigaday.ops.media_making import MediaMaking
from gigaday.ops.quota import Quota
from gigaday.ops.tenancy import Tenancy
from gigaday.rules import catalogue, ids, times
from gigaday.rules.storage_keys import storage_key

TENANT = "demo"
SEED, PRODUCT_COUNT, IMAGE_COUNT = 2026, 240, 12


class Demo:
    """Makes the demo tenant once; `token_file` keeps its token between starts (mode 0600)."""

    def __init__(
        self, documents: DocumentStore, objects: ObjectStore, tenancy: Tenancy, clock: Clock, token_file: Path
    ) -> None:
        self._documents, self._objects, self._tenancy, self._clock = documents, objects, tenancy, clock
        self._token_file = token_file
        self._quota = Quota(documents)
        self._making = MediaMaking(documents, objects, self._quota, clock)

    async def ensure(self) -> str:
        """The demo token, the tenant and its catalogue made where they are missing."""
        with suppress(Conflict):
            await self._tenancy.create_tenant(TENANT, "Demo", plan="standard")
        if not await self._documents.page(PRODUCTS, TENANT, Query(limit=1)):
            await self._fill()
        return await self._token()

    async def _token(self) -> str:
        if self._token_file.exists():
            known = self._token_file.read_text().strip()
            if await self._tenancy.holds(known):
                return known
        _, secret = await self._tenancy.create_token(TENANT, "demo")
        self._token_file.parent.mkdir(parents=True, exist_ok=True)
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(secret + "\n")
        return secret

    async def _fill(self) -> None:
        products = list(catalogue.products(SEED, PRODUCT_COUNT))
        pictures: dict[str, str] = {}
        for product in products:
            category = product["category"]
            if category not in pictures and len(pictures) < IMAGE_COUNT:
                pictures[category] = await self._picture(category, len(pictures))
        writes = [
            Insert(self._document({**product, "mediaIds": [pictures[product["category"]]]}))
            if product["category"] in pictures
            else Insert(self._document({**product, "mediaIds": []}))
            for product in products
        ]
        await self._documents.write(PRODUCTS, TENANT, writes)

    async def _picture(self, category: str, seed: int) -> str:
        png = demo_images.draw(category, seed)
        id = self._new_id()
        key = storage_key(TENANT, id)
        await self._objects.put(key, _once(png), "application/octet-stream")
        await self._quota.reserve(TENANT, 0, len(png))
        fields = {
            "filename": f"{category.lower().replace(' ', '-')}.png", "alt": f"A drawing: {category}",
            "contentType": "image/png", "size": len(png), "sha256": hashlib.sha256(png).hexdigest(),
            "width": demo_images.SIZE, "height": demo_images.SIZE,
        }  # fmt: skip
        await self._making.make(TENANT, id, fields, key)
        return id

    def _document(self, fields: dict[str, Any]) -> Document:
        now = times.text(self._clock.now())
        optional = {"category": None, "description": None, "sku": None, "price": None} if "sku" in fields else {}
        head = {"_id": self._new_id(), **optional, **fields}
        return {**head, "createdBy": TENANT, "createdAt": now, "updatedAt": now, "version": 1}

    def _new_id(self) -> str:
        return ids.make(self._clock.now(), secrets.token_bytes(10))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
