"""Uploads under way: begun with room reserved for them, found, and given up."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import msgspec

from gigaday.contracts import Clock, Document, DocumentStore, GrowingStore, Growth, Insert
from gigaday.errors import BackendError, Conflict, Gone, NotFound
from gigaday.model.media import MEDIA, TRASH
from gigaday.model.upload import KEPT_SECONDS, UPLOADS
from gigaday.ops.claims import is_known
from gigaday.ops.quota import Quota
from gigaday.ops.removal import Removal, Removed
from gigaday.ops.upload_hold import Hold, held
from gigaday.rules import times
from gigaday.rules.ids import is_id
from gigaday.rules.sniff import UNKNOWN

Kind = Literal["tus", "put", "parts"]


class Uploads:
    """`new_key` makes the storage key of an attempt from tenant and id."""

    def __init__(
        self,
        documents: DocumentStore,
        objects: GrowingStore,
        clock: Clock,
        quota: Quota,
        removal: Removal,
        new_key: Callable[[str, str], str],
    ) -> None:
        self._documents, self._objects, self._clock = documents, objects, clock
        self._quota, self._removal, self._new_key = quota, removal, new_key

    async def begin(self, tenant: str, id: str, kind: Kind, fields: dict[str, Any], plan_bytes: int) -> Document:
        """The record of a new upload; `fields` hold its `size`. Raises QuotaExceeded."""
        size, key = fields["size"], self._new_key(tenant, id)
        await self._quota.reserve(tenant, plan_bytes, size)
        growth: Growth | None = None
        try:
            if kind != "put":
                # What a client says of the type is not known to be so; only what is signed for has to be told alike.
                growth = await self._objects.start(key, fields["contentType"] if kind == "parts" else UNKNOWN)
            document = self._new(tenant, id, {**fields, "kind": kind, "storageKey": key}, growth)
            if await self._documents.write(UPLOADS, tenant, [Insert(document)]) != ["applied"]:
                raise Conflict("The id is taken; try again.")
        except Exception:
            with suppress(BackendError):
                if growth is not None:
                    await self._objects.abandon(growth)
                await self._quota.release(tenant, size)
            raise
        return document

    def _new(self, tenant: str, id: str, fields: dict[str, Any], growth: Growth | None) -> Document:
        return {
            "_id": id, "partSize": None, **fields, "status": "pending",
            "offset": 0 if fields["kind"] == "tus" else None,
            "growth": msgspec.to_builtins(growth), "holder": None, "heldUntil": None, "createdBy": tenant,
            "createdAt": times.text(self._clock.now()), "expiresAt": self.expiry(), "version": 1,
        }  # fmt: skip

    def expiry(self) -> str:
        """Until when an upload is kept that is gone on with now."""
        return times.text(self._clock.now() + KEPT_SECONDS)

    async def get(self, tenant: str, id: str) -> Document | None:
        """The record, None where the upload has become a medium or never was. Raises Gone where it has expired."""
        found = await self._documents.get(UPLOADS, tenant, id) if is_id(id) else None
        if found is not None and found["expiresAt"] <= times.text(self._clock.now()):
            raise Gone("The upload has expired; begin another.")
        return found

    async def made(self, tenant: str, id: str) -> Document | None:
        """The medium that an upload has become."""
        return await self._documents.get(MEDIA, tenant, id) if is_id(id) else None

    @asynccontextmanager
    async def hold(self, document: Document) -> AsyncIterator[Hold]:
        """The upload for this caller alone. Raises Locked."""
        async with held(self._documents, self._clock, document) as hold:
            yield hold

    async def abandon(self, document: Document) -> None:
        """Gives an upload up, with its bytes, unless it has become a medium. Raises Locked while a request is at work
        on it."""
        async with self.hold(document) as hold:
            await self.end(hold)

    async def end(self, hold: Hold) -> Removed | None:
        """The same, by who holds it: what was deleted, None where another has ended it. Bytes that a medium has come to
        rely on stay."""
        upload = hold.document
        tenant, id = upload["createdBy"], upload["_id"]
        if upload["growth"] is not None:
            await self._objects.abandon(msgspec.convert(upload["growth"], Growth))
        if not await hold.forget():
            return None
        gone = await self._removal.remove(tenant, upload["storageKey"]) or Removed()
        # One that has become a medium has settled its account.
        if gone.freed < upload["size"] and not await self._became_a_medium(tenant, id):
            await self._quota.release(tenant, upload["size"] - gone.freed)
        return gone

    async def _became_a_medium(self, tenant: str, id: str) -> bool:
        return any([await is_known(self._documents, kept, tenant, id) for kept in (MEDIA, TRASH)])

    async def existing(self, tenant: str, id: str) -> Document:
        """The record. Raises NotFound, alike for ids that are missing, foreign or no ids at all, and Gone."""
        found = await self.get(tenant, id)
        if found is None:
            raise NotFound("There is no such upload.")
        return found
