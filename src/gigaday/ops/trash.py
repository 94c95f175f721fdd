"""Deleted media: kept with their bytes for a while, so that they can be restored."""

from contextlib import suppress

from gigaday.contracts import Clock, Delete, Document, DocumentStore, Insert, ObjectStore, Replace
from gigaday.errors import BackendError, Conflict, NotFound, PreconditionFailed, Unavailable
from gigaday.model.media import GRACE_SECONDS, MEDIA, TRASH
from gigaday.ops.claims import Claims, lasts
from gigaday.ops.removal import Removal, Removed
from gigaday.rules import times

_ATTEMPTS = 10
_RESTORING_SECONDS = 3_600
"""Far longer than a restoration takes: what it begins with does not expire before its end."""
_OF_TRASH = ("deletedAt", "expiresAt")


class Trash:
    """Moves media in and out. One of the two records is there at every moment, so that the bytes are always pointed
    at; an interrupted move leaves both, of which the medium counts."""

    def __init__(
        self,
        documents: DocumentStore,
        objects: ObjectStore,
        clock: Clock,
        claims: Claims,
        removal: Removal,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._documents, self._objects, self._clock = documents, objects, clock
        self._claims, self._removal, self._grace = claims, removal, grace

    async def throw(self, document: Document) -> None:
        """The medium, as read, into the trash. Raises PreconditionFailed where it has changed since."""
        tenant, id = document["createdBy"], document["_id"]
        thrown, is_new = await self._thrown(document)
        [outcome] = await self._documents.write(MEDIA, tenant, [Delete(id, document["version"])])
        if outcome == "stale" or (outcome == "missing" and is_new):
            # Who else has thrown it away has left a record as well, and this one may point at bytes that are gone.
            await self._documents.write(TRASH, tenant, [Delete(id, thrown["version"])])
        if outcome == "stale":
            raise PreconditionFailed("The medium has changed since; read it again.")

    async def _thrown(self, document: Document) -> tuple[Document, bool]:
        """The record in the trash, in the place of what is there already, and whether nothing was."""
        tenant, now = document["createdBy"], self._clock.now()
        kept = {**document, "deletedAt": times.text(now), "expiresAt": times.text(now + self._grace)}
        for _ in range(_ATTEMPTS):
            if await self._documents.write(TRASH, tenant, [Insert(kept)]) == ["applied"]:
                return kept, True
            known = await self._documents.get(TRASH, tenant, document["_id"])
            if known is None:
                continue
            newer = {**kept, "version": max(kept["version"], known["version"] + 1)}
            if await self._documents.write(TRASH, tenant, [Replace(newer, known["version"])]) == ["applied"]:
                return newer, False
        raise _busy()

    async def restore(self, tenant: str, id: str) -> Document:
        """The medium, out of the trash; the same where it is out already. Raises NotFound where it is in neither, or
        its bytes are gone; Unavailable while that is not known, Conflict where many move it at once."""
        for _ in range(_ATTEMPTS):
            trashed = await self._renewed(tenant, id)
            if trashed is None:
                return await self._documents.get(MEDIA, tenant, id) or _gone()
            if (medium := await self._taken_out(trashed)) is not None:
                return medium
        raise _busy()

    async def _taken_out(self, trashed: Document) -> Document | None:
        """The medium; None where others have moved it meanwhile."""
        tenant, id = trashed["createdBy"], trashed["_id"]
        medium, is_new = await self._written(trashed)
        if medium is None:
            return None
        if await lasts(self._claims, self._objects, medium):
            await self._documents.write(TRASH, tenant, [Delete(id, trashed["version"])])
            return medium
        # A reaper that looks for records now may have missed this one. It finds the other, if that is there still: it
        # is left to expire.
        left = await self._documents.get(TRASH, tenant, id)
        if not is_new or (left is not None and left["version"] == trashed["version"]):
            return medium
        await self._documents.write(MEDIA, tenant, [Delete(id, medium["version"])])
        return None

    async def _written(self, trashed: Document) -> tuple[Document | None, bool]:
        """The medium's record, and whether there was none. One that another has just written is made ours, too, so that
        the other does not take it back."""
        tenant = trashed["createdBy"]
        now = max(times.text(self._clock.now()), trashed["updatedAt"])
        fields = {name: value for name, value in trashed.items() if name not in _OF_TRASH}
        medium = {**fields, "updatedAt": now, "version": trashed["version"] + 1}
        if await self._documents.write(MEDIA, tenant, [Insert(medium)]) == ["applied"]:
            return medium, True
        known = await self._documents.get(MEDIA, tenant, trashed["_id"])
        if known is None:
            return None, False
        medium = {**known, "version": known["version"] + 1}
        written = await self._documents.write(MEDIA, tenant, [Replace(medium, known["version"])])
        return (medium if written == ["applied"] else None), False

    async def _renewed(self, tenant: str, id: str) -> Document | None:
        """What is in the trash, kept from expiring meanwhile, and its bytes from being reaped."""
        for _ in range(_ATTEMPTS):
            known = await self._documents.get(TRASH, tenant, id)
            if known is None:
                return None
            until = times.text(self._clock.now() + _RESTORING_SECONDS)
            renewed = {**known, "expiresAt": max(known["expiresAt"], until), "version": known["version"] + 1}
            if await self._documents.write(TRASH, tenant, [Replace(renewed, known["version"])]) == ["applied"]:
                await self._check(known["storageKey"])
                return renewed
        raise _busy()

    async def _check(self, key: str) -> None:
        if await self._claims.is_claimed(key):
            raise Unavailable("The bytes may be about to be deleted; try again in a while.", retry_after=5)
        if await self._objects.size(key) is None:
            _gone()

    async def remove(self, tenant: str, id: str) -> None:
        """Out of the trash for good, with the bytes where nothing else needs them. Raises NotFound."""
        known = await self._documents.get(TRASH, tenant, id)
        if known is None:
            raise NotFound("There is no such medium in the trash.")
        with suppress(BackendError, Unavailable):  # what is left then is an orphan, which the reaper finds
            await self.expire(known)

    async def expire(self, trashed: Document) -> Removed | None:
        """The same for a record as read: what was deleted with it, None where it has changed since."""
        tenant = trashed["createdBy"]
        gone = await self._documents.write(TRASH, tenant, [Delete(trashed["_id"], trashed["version"])])
        if gone != ["applied"]:
            return None
        return await self._removal.remove(tenant, trashed["storageKey"]) or Removed()


def _gone() -> Document:
    raise NotFound("There is no such medium in the trash.")


def _busy() -> Conflict:
    return Conflict("The medium is being moved by many at once; try again.", headers={"Retry-After": "1"})
