"""The reaper: deletes what uploads have left that were never finished, what has been in the trash for long enough, and
bytes that no record points at.

What is younger than `grace` it leaves alone but where a record says that its time is over: bytes are stored before
their record is written. Bytes go under a claim (`ops.claims`), so that nothing can come to rely on them meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from itertools import groupby
from typing import Literal

import msgspec

from gigaday.contracts import (
    Clock,
    Collection,
    Document,
    DocumentStore,
    Filter,
    GrowingStore,
    Query,
    StoredObject,
)
from gigaday.errors import Locked
from gigaday.model.media import MEDIA, TRASH
from gigaday.model.upload import UPLOADS
from gigaday.ops.claims import Claims, is_known
from gigaday.ops.removal import Removal, Removed
from gigaday.ops.trash import Trash
from gigaday.ops.uploads import Uploads
from gigaday.rules import storage_keys, times
from gigaday.rules.storage_keys import ORIGINALS, VARIANTS

GRACE_SECONDS = 24 * 3600.0
_AT_ONCE = 500
_PAGE = 100

What = Literal["upload", "growth", "trash", "orphan", "variants"]


class Reaped(msgspec.Struct, frozen=True):
    """One thing that went, or would go: `objects` and `bytes` deleted with it, and why."""

    what: What
    tenant: str
    key: str
    why: str
    objects: int = 0
    bytes: int = 0


class Reaper:
    """Finds and deletes, a kind at a time. With `dry` it only tells: what it has told it takes for gone, so that it
    tells exactly what it would delete. `seen` is told how many objects were looked at."""

    def __init__(
        self,
        documents: DocumentStore,
        objects: GrowingStore,
        clock: Clock,
        claims: Claims,
        uploads: Uploads,
        removal: Removal,
        trash: Trash,
        *,
        grace: float = GRACE_SECONDS,
        dry: bool = False,
        seen: Callable[[int], object] = lambda objects: None,
    ) -> None:
        self._documents, self._objects, self._clock = documents, objects, clock
        self._claims, self._uploads, self._removal, self._trash = claims, uploads, removal, trash
        self._grace, self._dry, self._seen = grace, dry, seen
        self._told: set[str] = set()
        """Ids of the records that a dry run would have removed."""

    async def records(self, tenant: str) -> AsyncIterator[Reaped]:
        """Expired uploads of a tenant, and what its trash has kept for long enough."""
        async for upload in self._expired(UPLOADS, tenant):
            if (gone := await self._upload(upload)) is not None:
                why = f"its upload expired at {upload['expiresAt']}"
                yield Reaped("upload", tenant, upload["storageKey"], why, gone.objects, gone.bytes)
        async for trashed in self._expired(TRASH, tenant):
            if (gone := await self._trashed(trashed)) is not None:
                why = f"deleted at {trashed['deletedAt']}, to be restored until {trashed['expiresAt']}"
                yield Reaped("trash", tenant, trashed["storageKey"], why, gone.objects, gone.bytes)

    async def growths(self, within: str = "") -> AsyncIterator[Reaped]:
        """Objects begun and never finished that no upload goes on with; `within` is how their keys go on after
        ORIGINALS."""
        async for growth, begun in self._objects.unfinished(ORIGINALS + within):
            place = storage_keys.place(growth.key)
            if place is None or not self._is_old(begun):
                continue
            if not await is_known(self._documents, UPLOADS, place.tenant, place.id):
                if not self._dry:
                    await self._objects.abandon(growth)
                yield Reaped("growth", place.tenant, growth.key, f"begun at {times.text(begun)}, and no upload's")

    async def orphans(self, within: str = "") -> AsyncIterator[Reaped]:
        """Originals that no record points at, with what was made from them."""
        async for batch in self._old(ORIGINALS + within):
            for tenant, keys in _by_tenant(stored.key for stored in batch):
                for key in await self._unowned(tenant, keys):
                    if (gone := await self._remove(tenant, key)) is not None:
                        yield Reaped("orphan", tenant, key, "no record points at it", gone.objects, gone.bytes)

    async def variants(self, within: str = "") -> AsyncIterator[Reaped]:
        """What was made from originals that are gone."""
        async for batch in self._old(VARIANTS + within):
            for tenant, keys in _by_tenant({storage_keys.original_of(stored.key) for stored in batch}):
                for key in await self._unowned(tenant, keys):
                    if await self._objects.size(key) is None and (gone := await self._remove(tenant, key)) is not None:
                        yield Reaped("variants", tenant, key, "their original is gone", gone.objects, gone.bytes)

    async def _upload(self, upload: Document) -> Removed | None:
        """None where a request is at work on it after all."""
        if self._dry:
            self._told.add(upload["_id"])
            return await self._would_go(upload["createdBy"], upload["storageKey"])
        with suppress(Locked):
            async with self._uploads.hold(upload) as hold:
                return await self._uploads.end(hold)
        return None

    async def _trashed(self, trashed: Document) -> Removed | None:
        if not self._dry:
            return await self._trash.expire(trashed)
        self._told.add(trashed["_id"])
        return await self._would_go(trashed["createdBy"], trashed["storageKey"])

    async def _would_go(self, tenant: str, key: str) -> Removed:
        if await self._claims.is_referenced(tenant, key, self._told):
            return Removed()
        return await self._removal.weigh(key)

    async def _remove(self, tenant: str, key: str) -> Removed | None:
        if not self._dry:
            return await self._removal.remove(tenant, key)
        return None if await self._claims.is_referenced(tenant, key) else await self._removal.weigh(key)

    async def _unowned(self, tenant: str, keys: list[str]) -> list[str]:
        """Those that are not where the record of their own id points: found with few questions, to be looked at one by
        one, as others may share them."""
        ids = {place.id: key for key in keys if (place := storage_keys.place(key)) is not None}
        owned: set[str] = set()
        for collection in (MEDIA, TRASH, UPLOADS):
            found = await self._documents.get_many(collection, tenant, list(ids))
            owned |= {document["storageKey"] for document in found.values()}
        return [key for key in keys if key not in owned]

    async def _expired(self, collection: Collection, tenant: str) -> AsyncIterator[Document]:
        expired = Filter("expiresAt", "lte", times.text(self._clock.now()))
        query = Query((expired,), sort="expiresAt", limit=_PAGE)
        while found := await self._documents.page(collection, tenant, query):
            for document in found:
                yield document
            last = found[-1]
            query = msgspec.structs.replace(query, after=(last["expiresAt"], last["_id"]))

    async def _old(self, prefix: str) -> AsyncIterator[list[StoredObject]]:
        """Objects that are no longer fresh, many at a time."""
        batch: list[StoredObject] = []
        async for stored in self._objects.list(prefix):
            self._seen(1)
            if self._is_old(stored.modified):
                batch.append(stored)
            if len(batch) >= _AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _is_old(self, seconds: float) -> bool:
        return seconds <= self._clock.now() - self._grace


def _by_tenant(keys: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Keys that are no medium's are left out: whatever they are, they are not the reaper's."""
    placed = sorted((place.tenant, key) for key in keys if (place := storage_keys.place(key)) is not None)
    return [(tenant, [key for _, key in group]) for tenant, group in groupby(placed, key=lambda each: each[0])]
