"""Deletes the bytes of media: only under a claim, and only those that no record points at."""

from collections.abc import Sequence

import msgspec

from gigaday.contracts import ObjectStore, StoredObject
from gigaday.errors import Unavailable
from gigaday.ops.claims import Claims
from gigaday.ops.quota import Quota
from gigaday.rules import storage_keys


class Removed(msgspec.Struct, frozen=True):
    """What was deleted: the original, where it was there, and what was made from it. `freed` bytes of the original were
    given back to its tenant."""

    objects: int = 0
    bytes: int = 0
    freed: int = 0


class Removal:
    """Deletes originals with their variants, and gives the originals' room back to their tenants."""

    def __init__(self, claims: Claims, objects: ObjectStore, quota: Quota) -> None:
        self._claims, self._objects, self._quota = claims, objects, quota

    async def remove(self, tenant: str, key: str) -> Removed | None:
        """The bytes under the key of an original, and all that was made from it; None where they are kept, as a record
        points at them or another removes them. Raises BackendDown, and Unavailable where it took too long."""
        async with self._claims.claimed(key) as claim:
            if claim is None or await self._claims.is_referenced(tenant, key):
                return None
            found = await self._found(key)
            for each in found:
                if not claim.holds:
                    raise Unavailable(f"Deleting {key} took too long; what is left of it goes next time.")
                await self._objects.delete(each.key)
        removed = _told(key, found)
        if removed.freed:
            await self._quota.release(tenant, removed.freed)
        return removed

    async def weigh(self, key: str) -> Removed:
        """What would be deleted."""
        return _told(key, await self._found(key))

    async def _found(self, key: str) -> list[StoredObject]:
        size = await self._objects.size(key)
        own = [] if size is None else [StoredObject(key, size, 0.0)]
        return own + [found async for found in self._objects.list(storage_keys.variants_of(key))]


def _told(key: str, found: Sequence[StoredObject]) -> Removed:
    freed = sum(each.size for each in found if each.key == key)
    return Removed(len(found), sum(each.size for each in found), freed)
