"""The claim that whoever deletes bytes makes before, and that whoever points a record at bytes looks for after.

The reaper claims a storage key, then looks for records that point at it, and deletes only where there are none. A
writer writes its record, then looks for a claim. Whatever the order of these four steps, one of the two sees the other:
either the record was there when the reaper looked, or the claim was there when the writer did. Where the claim had come
and gone already, the writer finds the bytes missing.
"""

import hashlib
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

import msgspec

from gigaday.contracts import (
    OPERATOR,
    Clock,
    Collection,
    Delete,
    Document,
    DocumentStore,
    Filter,
    Insert,
    ObjectStore,
    Query,
    Replace,
)
from gigaday.model.media import MEDIA, REAPING, TRASH
from gigaday.model.upload import UPLOADS
from gigaday.rules import storage_keys, times

CLAIM_SECONDS = 300.0
"""How long the claim of a reaper that died is heeded. One that lives deletes nothing once half of it has passed."""


class Claim:
    """A claim that was made."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock, self._until = clock, until

    @property
    def holds(self) -> bool:
        """Whether bytes may still be deleted under it."""
        return self._clock.now() < self._until - CLAIM_SECONDS / 2


class Claims:
    """Claims of storage keys, and what points at these."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents, self._clock = documents, clock

    @asynccontextmanager
    async def claimed(self, key: str) -> AsyncIterator[Claim | None]:
        """The key claimed while the context lasts; None where another has it. After an error the claim stays until it
        expires: a deletion whose answer was lost may yet be carried out."""
        until = self._clock.now() + CLAIM_SECONDS
        fresh = {"_id": _digest(key), "createdBy": OPERATOR, "version": 1, "expiresAt": times.text(until)}
        held = await self._made(fresh)
        yield Claim(self._clock, until) if held else None
        if held:
            await self._documents.write(REAPING, OPERATOR, [Delete(held["_id"], held["version"])])

    async def _made(self, fresh: Document) -> Document | None:
        if await self._documents.write(REAPING, OPERATOR, [Insert(fresh)]) == ["applied"]:
            return fresh
        known = await self._documents.get(REAPING, OPERATOR, fresh["_id"])
        if known is None or self._is_heeded(known):
            return None
        taken = {**fresh, "version": known["version"] + 1}
        replaced = await self._documents.write(REAPING, OPERATOR, [Replace(taken, known["version"])])
        return taken if replaced == ["applied"] else None

    async def is_claimed(self, key: str) -> bool:
        """Whether the bytes may be about to go; to be asked once a record that points at them is written."""
        known = await self._documents.get(REAPING, OPERATOR, _digest(key))
        return known is not None and self._is_heeded(known)

    def _is_heeded(self, claim: Document) -> bool:
        return bool(claim["expiresAt"] > times.text(self._clock.now()))

    async def is_referenced(self, tenant: str, key: str, but: Set[str] = frozenset()) -> bool:
        """Whether any record points at the key, `but` for media and uploads of these ids; to be asked once it is
        claimed.

        Media are looked at before the trash: what is thrown away between is met there. What is restored between is met
        there, too, as its record stays while the key is claimed.
        """
        for collection in (MEDIA, TRASH, UPLOADS):
            query = _pointing_at(collection, key, limit=len(but) + 1)
            found = await self._documents.page(of_primary(collection), tenant, query)
            if any(document["_id"] not in but for document in found):
                return True
        return False


async def lasts(claims: Claims, objects: ObjectStore, document: Document) -> bool:
    """Whether a record that has just been written can rely on the bytes that it points at."""
    key = document["storageKey"]
    return not await claims.is_claimed(key) and await objects.size(key) == document["size"]


async def is_known(documents: DocumentStore, collection: Collection, tenant: str, id: str) -> bool:
    """Whether there is a record of that id."""
    query = Query((Filter("_id", "eq", id),), limit=1)
    return bool(await documents.page(of_primary(collection), tenant, query))


def _pointing_at(collection: Collection, key: str, limit: int) -> Query:
    """An upload is found by its id, which its key tells: there is no index of their keys."""
    place = storage_keys.place(key)
    id = (Filter("_id", "eq", place.id),) if collection is UPLOADS and place else ()
    sort = "_id" if id else "storageKey"  # an index of the order is taken before one of the filter
    return Query((*id, Filter("storageKey", "eq", key)), sort=sort, limit=limit)


def of_primary(collection: Collection) -> Collection:
    """The same documents, never read from a member that lags: it may not know yet of a record that was written."""
    return msgspec.structs.replace(collection, tenanted=False)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
