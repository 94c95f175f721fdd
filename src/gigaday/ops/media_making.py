"""A medium made of bytes that have been stored: every way of uploading ends here."""

from contextlib import suppress
from typing import Any

from gigaday.contracts import Clock, Delete, Document, DocumentStore, Filter, Insert, ObjectStore, Query, Replace
from gigaday.contracts.imaging import Images
from gigaday.errors import ApiError, BackendDown, BackendError, Conflict, IdempotencyMismatch, Unavailable
from gigaday.model.media import MEDIA
from gigaday.ops.claims import Claims, lasts
from gigaday.ops.quota import Quota
from gigaday.ops.removal import Removal
from gigaday.rules import sniff, times

_ATTEMPTS = 10
_SEEN = ("width", "height", "color", "blurhash")
"""What is known of a picture by looking at it."""


class MediaMaking:
    """Writes records of media; `images` describes pictures, where there is one that can."""

    def __init__(
        self, documents: DocumentStore, objects: ObjectStore, quota: Quota, clock: Clock, images: Images | None = None
    ) -> None:
        self._documents, self._objects, self._quota, self._clock = documents, objects, quota, clock
        self._images = images
        self._claims = Claims(documents, clock)
        self._removal = Removal(self._claims, objects, quota)

    async def make(self, tenant: str, id: str, fields: dict[str, Any], key: str) -> Document:
        """The medium `id` of the bytes under `key`, whose `size` the caller has reserved; the same again where an
        earlier attempt has made it.

        `fields` hold filename, alt, contentType, size, sha256, width and height. Where the tenant has the same bytes
        already the medium shares them, and those under `key` are removed and their room is given back; so they are
        where it was refused. Raises Conflict where the id is another's, IdempotencyMismatch where it was made of other
        bytes, Unavailable where the bytes are not to be relied on; and BackendDown, where the record may have been
        written or may be yet: then the bytes stay.
        """
        try:
            return await self._made(tenant, id, fields, key)
        except (BackendDown, ApiError):
            raise
        except Exception:
            await self._clear(tenant, key)
            raise

    async def _made(self, tenant: str, id: str, fields: dict[str, Any], key: str) -> Document:
        twin = await self._twin(tenant, id, fields)
        seen = {name: twin.get(name) for name in _SEEN} if twin else await self._described(fields, key)
        document = self._new(tenant, id, {**fields, **seen, "storageKey": twin["storageKey"] if twin else key})
        if await self._documents.write(MEDIA, tenant, [Insert(document)]) != ["applied"]:
            return await self._made_before(document, key)
        if not await lasts(self._claims, self._objects, document):
            return await self._mended(document, key)
        if twin:
            await self.discard(tenant, key)
        return document

    async def discard(self, tenant: str, key: str, *, reserved: bool = True) -> None:
        """Removes bytes that no record has ever pointed at, and gives back the room that was `reserved` for them. Best
        effort: the reaper finds what is left."""
        with suppress(BackendError, Unavailable):
            if (size := await self._objects.size(key)) is not None:
                await self._objects.delete(key)
                if reserved:
                    await self._quota.release(tenant, size)

    async def _clear(self, tenant: str, key: str) -> None:
        """The same of bytes that a record may point at: then they stay."""
        with suppress(BackendError, Unavailable):
            await self._removal.remove(tenant, key)

    async def _made_before(self, wanted: Document, key: str) -> Document:
        """What an earlier attempt has made, or another one makes now. That one may have had the same bytes, and may
        point its record at them yet: they are removed under a claim, or not at all."""
        made = await self._documents.get(MEDIA, wanted["createdBy"], wanted["_id"])
        if made is None or made["storageKey"] != key:
            await self._clear(wanted["createdBy"], key)
        if made is None:
            raise Conflict("The id is taken; try again.")
        if made["sha256"] != wanted["sha256"]:
            raise IdempotencyMismatch("This Idempotency-Key was used with another method, path or body; use a new one.")
        return made

    async def _mended(self, document: Document, key: str) -> Document:
        """A record that cannot rely on the bytes that it shares, pointed at its own; or taken back."""
        if document["storageKey"] != key and (moved := await self._moved(document, key)):
            return moved
        await self._documents.write(MEDIA, document["createdBy"], [Delete(document["_id"])])
        raise Unavailable("The stored bytes are gone; send them again.")

    async def _moved(self, document: Document, key: str) -> Document | None:
        """The record pointed at its own bytes after all; None where those are not to be relied on either."""
        current: Document | None = document
        for _ in range(_ATTEMPTS):
            if current is None:
                return None
            moved = {**current, "storageKey": key, "version": current["version"] + 1}
            outcome = await self._documents.write(MEDIA, moved["createdBy"], [Replace(moved, current["version"])])
            if outcome == ["applied"]:
                return moved if await lasts(self._claims, self._objects, moved) else None
            current = await self._documents.get(MEDIA, document["createdBy"], document["_id"])
        return None

    async def _twin(self, tenant: str, id: str, fields: dict[str, Any]) -> Document | None:
        """A medium of the tenant with the same bytes."""
        same = (Filter("sha256", "eq", fields["sha256"]), Filter("size", "eq", fields["size"]))
        found = await self._documents.page(MEDIA, tenant, Query(same, sort="sha256", limit=2))
        return next((document for document in found if document["_id"] != id), None)

    async def _described(self, fields: dict[str, Any], key: str) -> dict[str, Any]:
        """What the picture looks like; where that cannot be told now, the medium goes without."""
        known = {name: fields.get(name) for name in _SEEN}
        if self._images is None or not sniff.is_raster(fields["contentType"]):
            return known
        with suppress(BackendDown):
            described = await self._images.describe(key, fields["contentType"], fields["size"])
            known |= {name: value for name in _SEEN if (value := getattr(described, name)) is not None}
        return known

    def _new(self, tenant: str, id: str, fields: dict[str, Any]) -> Document:
        now = times.text(self._clock.now())
        return {
            "_id": id, **fields, "focus": fields.get("focus"), "status": "ready",
            "createdBy": tenant, "createdAt": now, "updatedAt": now, "version": 1,
        }  # fmt: skip
