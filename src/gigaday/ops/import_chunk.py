"""A chunk of an import's rows into the store, and what became of each, however often the store breaks off.

A write that had no answer may have been applied. So a chunk is tried again from its start, and what an earlier try has
written is told by being, to the byte, what that try would have written: its time is that of the row's reading.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec

from gigaday.contracts import Document, DocumentStore, Filter, Insert, Query, Replace, Write
from gigaday.errors import BackendDown, Fault
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS

CHUNK = 1_000
SKU = "/sku"
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try: together longer than an election of a new primary."""


class Candidate(msgspec.Struct, frozen=True):
    """A row found valid; `given` are the fields that the row names itself."""

    line: int
    document: Document
    given: frozenset[str]

    @property
    def sku(self) -> str | None:
        sku: str | None = self.document["sku"]
        return sku


class Fate(msgspec.Struct, frozen=True):
    """What became of a row; `errors` say why it was rejected."""

    candidate: Candidate
    state: Literal["inserted", "updated", "unchanged", "rejected"]
    errors: tuple[Fault, ...] = ()


Sleep = Callable[[float], Awaitable[None]]


class ChunkWriter:
    """Writes chunks into `tenant`'s catalogue; with `update`, rows change what is there already."""

    def __init__(self, store: DocumentStore, tenant: str, update: bool, sleep: Sleep = asyncio.sleep) -> None:
        self._store = store
        self._tenant = tenant
        self._update = update
        self._sleep = sleep
        self._patient = True

    def hurry(self) -> None:
        """From now on nothing is tried again: the import is given up."""
        self._patient = False

    async def write(self, candidates: list[Candidate]) -> list[Fate]:
        """The fate of each. Raises BackendDown once all tries have failed; some rows may then be in."""
        for tries, pause in enumerate(PAUSES, 1):
            try:
                return await self._try(candidates, again=tries > 1)
            except BackendDown:
                if not self._patient:
                    raise
                await self._sleep(pause)
        try:
            return await self._try(candidates, again=True)
        except BackendDown as error:
            raise BackendDown(f"{error} (after {len(PAUSES) + 1} tries in {sum(PAUSES):.0f} s)") from error

    async def _try(self, candidates: list[Candidate], again: bool) -> list[Fate]:
        rejected = await self._without_media(candidates)
        lost = {fate.candidate.line for fate in rejected}
        candidates = [candidate for candidate in candidates if candidate.line not in lost]
        present = await self._by_sku([candidate.sku for candidate in candidates if candidate.sku])
        fresh = [candidate for candidate in candidates if candidate.sku not in present]
        outcomes = await self._write([Insert(candidate.document) for candidate in fresh])
        written = list(zip(fresh, outcomes, strict=True))
        there = [(candidate, present[candidate.sku]) for candidate in candidates if candidate.sku in present]
        same, others = await self._same([candidate for candidate, outcome in written if outcome == "exists"])
        there += same
        # Only a further try asks: until then it is another run's, of the same file in the same millisecond.
        mine = [one for one, stored in there if again and stored == one.document]
        there = [(one, stored) for one, stored in there if not (again and stored == one.document)]
        inserted = [*(one for one, outcome in written if outcome != "exists"), *mine]
        return [*rejected, *others, *(Fate(one, "inserted") for one in inserted), *await self._merged(there, again)]

    async def _without_media(self, candidates: list[Candidate]) -> list[Fate]:
        """Those that name pictures which are not the tenant's."""
        wanted = {id for candidate in candidates for id in candidate.document["mediaIds"]}
        known = await self._store.get_many(MEDIA, self._tenant, sorted(wanted)) if wanted else {}
        found: list[Fate] = []
        for candidate in candidates:
            media = enumerate(candidate.document["mediaIds"])
            missing = tuple(
                Fault(f"/mediaIds/{at}", "is not a medium of this tenant") for at, id in media if id not in known
            )
            if missing:
                found.append(Fate(candidate, "rejected", missing))
        return found

    async def _by_sku(self, skus: list[str]) -> dict[str | None, Document]:
        """The tenant's product of each sku; of several, the one of the lowest id."""
        found: dict[str | None, Document] = {}
        query = Query(filters=(Filter("sku", "in", skus),), sort="sku", limit=2 * CHUNK)
        while skus:
            page = await self._store.page(PRODUCTS, self._tenant, query)
            for document in page:
                found.setdefault(document["sku"], document)
            if len(page) < query.limit:
                break
            query = msgspec.structs.replace(query, after=(page[-1]["sku"], page[-1]["_id"]))
        return found

    async def _same(self, clashes: list[Candidate]) -> tuple[list[tuple[Candidate, Document]], list[Fate]]:
        """Of rows whose `_id` exists, those whose document is still theirs (another run's, or an earlier one's), and
        the others, rejected."""
        if not clashes:
            return [], []
        stored = await self._store.get_many(PRODUCTS, self._tenant, [one.document["_id"] for one in clashes])
        pairs: list[tuple[Candidate, Document]] = []
        others: list[Fate] = []
        for candidate in clashes:
            document = stored.get(candidate.document["_id"])
            if document is not None and (candidate.sku is None or document["sku"] == candidate.sku):
                pairs.append((candidate, document))
            else:
                reason = "the product that was imported under this sku has been given another since"
                others.append(Fate(candidate, "rejected", (Fault(SKU, reason),)))
        return pairs, others

    async def _merged(self, pairs: list[tuple[Candidate, Document]], again: bool) -> list[Fate]:
        fates: list[Fate] = []
        changed: list[tuple[Candidate, Document, int]] = []
        for candidate, stored in pairs:
            if again and _updated_by(candidate, stored):
                fates.append(Fate(candidate, "updated"))
            elif (new := self._changed(candidate, stored)) is not None:
                changed.append((candidate, new, stored["version"]))
            else:
                fates.append(Fate(candidate, "unchanged"))
        outcomes = await self._write([Replace(new, version) for _, new, version in changed])
        stale = [new["_id"] for (_, new, _), outcome in zip(changed, outcomes, strict=True) if outcome != "applied"]
        # A write of the try before, still under way when its answer was given up, may have come first.
        since = await self._store.get_many(PRODUCTS, self._tenant, stale) if again and stale else {}
        for (candidate, new, _), outcome in zip(changed, outcomes, strict=True):
            if outcome == "applied" or since.get(new["_id"]) == new:
                fates.append(Fate(candidate, "updated"))
            else:
                reason = f"the product changed during the import ({outcome}); import the row again"
                fates.append(Fate(candidate, "rejected", (Fault("", reason),)))
        return fates

    def _changed(self, candidate: Candidate, stored: Document) -> Document | None:
        """What to replace `stored` with, or None to leave it. What the row does not name stays: pictures, say."""
        if not self._update or candidate.sku is None or _has(stored, given := _given(candidate)):
            return None
        return stored | given | {"updatedAt": candidate.document["updatedAt"], "version": stored["version"] + 1}

    async def _write(self, writes: Sequence[Write]) -> list[str]:
        return list(await self._store.write(PRODUCTS, self._tenant, writes)) if writes else []


def _given(candidate: Candidate) -> Document:
    return {name: candidate.document[name] for name in candidate.given if name in candidate.document}


def _has(stored: Document, given: Document) -> bool:
    return all(stored.get(name) == value for name, value in given.items())


def _updated_by(candidate: Candidate, stored: Document) -> bool:
    return stored["updatedAt"] == candidate.document["updatedAt"] and _has(stored, _given(candidate))
