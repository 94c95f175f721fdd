"""Byte quotas: what a tenant's media may take in all, reserved before bytes are taken in and given back after."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from gigaday.contracts import Document, DocumentStore, Insert, Replace
from gigaday.errors import QuotaExceeded, Unavailable
from gigaday.model.storage import STORAGE

_ATTEMPTS = 30


class Quota:
    """Counts by compare-and-set, so that no two nodes grant the same room. A crash between a reservation and its use
    leaves it counted too high, never too low; `gigaday media verify` recounts."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        # Those of one process wait for each other instead of failing each other's writes.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def reserve(self, tenant: str, plan_bytes: int, size: int) -> None:
        """Counts `size` bytes more. Raises QuotaExceeded where they would be more than `plan_bytes` (0: no limit)."""

        def more(used: int) -> int:
            if plan_bytes and used + size > plan_bytes:
                raise _exceeded(plan_bytes, used, size)
            return used + size

        await self._change(tenant, more)

    async def release(self, tenant: str, size: int) -> None:
        """Counts `size` bytes less."""
        await self._change(tenant, lambda used: max(0, used - size))

    async def used(self, tenant: str) -> int:
        """The bytes counted."""
        found = await self._documents.get(STORAGE, tenant, tenant)
        return found["used"] if found else 0

    async def _change(self, tenant: str, change: Callable[[int], int]) -> None:
        lock = self._turns.setdefault(tenant, asyncio.Lock())
        async with lock:
            for _ in range(_ATTEMPTS):
                found = await self._documents.get(STORAGE, tenant, tenant)
                if await self._written(tenant, found, change(found["used"] if found else 0)):
                    return
        raise Unavailable("Too many nodes count this tenant's bytes at once; try again.")

    async def _written(self, tenant: str, found: Document | None, used: int) -> bool:
        version = found["version"] if found else 0
        document = {"_id": tenant, "createdBy": tenant, "used": used, "version": version + 1}
        write = Replace(document, version) if found else Insert(document)
        return await self._documents.write(STORAGE, tenant, [write]) == ["applied"]


def _exceeded(plan_bytes: int, used: int, size: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"The plan has room for {plan_bytes} bytes of media, of which {used} are taken, so that {size} more do not "
        "fit. Delete media that nobody needs, or ask for a larger plan.",
        extra={"limit": plan_bytes, "used": used, "size": size},
    )
