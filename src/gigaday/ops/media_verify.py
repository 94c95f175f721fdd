"""Whether the bytes of media are those that their records tell of, and whether they are counted right."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec

from gigaday.contracts import Collection, Document, DocumentStore, ObjectStore, Query
from gigaday.errors import ObjectMissing
from gigaday.model.media import MEDIA, TRASH
from gigaday.model.upload import UPLOADS
from gigaday.ops.quota import Quota
from gigaday.rules.storage_keys import ORIGINALS

_PAGE = 100
_AT_ONCE = 4
_COUNTS = 3

Seen = Callable[[int], object]
"""Told how many bytes more have been looked at."""
Fault = Literal["missing", "size", "corrupt"]
Wrong = tuple[Fault, str]
_MISSING: Wrong = ("missing", "there is nothing under its key")


class MediaFault(msgspec.Struct, frozen=True):
    """A record whose bytes are "missing", of another "size", or "corrupt": of the size, but of another digest."""

    tenant: str
    collection: str
    id: str
    filename: str
    key: str
    fault: Fault
    detail: str


class Counted(msgspec.Struct, frozen=True):
    """A tenant's bytes as `counted` against its plan, and as they are `stored` or reserved. They differ after a crash
    between the two."""

    tenant: str
    counted: int
    stored: int

    @property
    def drift(self) -> int:
        return self.counted - self.stored


class Verify:
    """Reads every original once, however many records share it."""

    def __init__(self, documents: DocumentStore, objects: ObjectStore, quota: Quota) -> None:
        self._documents, self._objects, self._quota = documents, objects, quota

    async def bytes_of(self, tenant: str) -> int:
        """How much there is to read, by the records."""
        sizes: dict[str, int] = {}
        for collection in (MEDIA, TRASH):
            async for page in self._pages(collection, tenant):
                sizes |= {document["storageKey"]: document["size"] for document in page}
        return sum(sizes.values())

    async def faults(self, tenant: str, seen: Seen = lambda size: None) -> AsyncIterator[MediaFault]:
        """Each record that its bytes do not bear out."""
        known: dict[str, Wrong | None] = {}
        room = asyncio.Semaphore(_AT_ONCE)
        for collection in (MEDIA, TRASH):
            async for page in self._pages(collection, tenant):
                fresh = {document["storageKey"]: document for document in page if document["storageKey"] not in known}
                looks = [self._look(document, room, seen) for document in fresh.values()]
                known |= dict(zip(fresh, await asyncio.gather(*looks), strict=True))
                for document in page:
                    wrong = known[document["storageKey"]]
                    if wrong is not None and await self._stands(collection, document):
                        yield _fault(collection, document, wrong)

    async def _look(self, document: Document, room: asyncio.Semaphore, seen: Seen) -> Wrong | None:
        async with room:
            key, size = document["storageKey"], document["size"]
            stored = await self._objects.size(key)
            if stored != size:
                seen(size)
                return _MISSING if stored is None else ("size", f"has {stored} bytes in place of {size}")
            digest = hashlib.sha256()
            try:
                async for chunk in self._objects.read(key, 0, size):
                    await asyncio.to_thread(digest.update, chunk)
                    seen(len(chunk))
            except ObjectMissing:
                return _MISSING
            if (sha256 := digest.hexdigest()) != document["sha256"]:
                return "corrupt", f"has the digest {sha256} in place of {document['sha256']}"
            return None

    async def _stands(self, collection: Collection, document: Document) -> bool:
        """Whether the record is there still and points there: one that was deleted since is no fault."""
        found = await self._documents.get(collection, document["createdBy"], document["_id"])
        return found is not None and found["storageKey"] == document["storageKey"]

    async def count(self, tenant: str) -> Counted:
        """Counted again, and more than once where uploads change it meanwhile."""
        for _ in range(_COUNTS):
            before = await self._quota.used(tenant)
            stored = await self._stored(tenant)
            if await self._quota.used(tenant) == before:
                break
        return Counted(tenant, before, stored)

    async def mend(self, counted: Counted) -> None:
        """Corrects the count by what it was wrong, whatever it has become since."""
        if counted.drift > 0:
            await self._quota.release(counted.tenant, counted.drift)
        elif counted.drift < 0:
            await self._quota.reserve(counted.tenant, 0, -counted.drift)

    async def _stored(self, tenant: str) -> int:
        sizes = {found.key: found.size async for found in self._objects.list(f"{ORIGINALS}{tenant}/")}
        async for page in self._pages(UPLOADS, tenant):
            for upload in page:
                sizes.setdefault(upload["storageKey"], upload["size"])
        return sum(sizes.values())

    async def _pages(self, collection: Collection, tenant: str) -> AsyncIterator[list[Document]]:
        query = Query(limit=_PAGE)
        while page := await self._documents.page(collection, tenant, query):
            yield page
            last = page[-1]["_id"]
            query = Query(limit=_PAGE, after=(last, last))


def _fault(collection: Collection, document: Document, wrong: Wrong) -> MediaFault:
    return MediaFault(
        document["createdBy"], collection.name, document["_id"], document["filename"], document["storageKey"], *wrong
    )
