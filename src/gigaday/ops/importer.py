"""Brings rows into a tenant's catalogue: streaming, by sku, and safe to interrupt and run again.

A product's `_id` is a digest of tenant and sku (of the content where a row has none), so that a second run, or two runs
at once, meet the same document instead of making another.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from gigaday.contracts import Document, DocumentStore, Filter, Insert, Query, Replace, Write
from gigaday.errors import Fault
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS
from gigaday.rules import ids
from gigaday.rules.seen import SeenKeys

CHUNK = 1_000
IN_FLIGHT = 3
_SKU = "/sku"

Source = tuple[int, dict[str, Any] | Fault | list[Fault]]
Validate = Callable[[dict[str, Any]], tuple[dict[str, Any] | None, list[Fault]]]


class Tally(msgspec.Struct, frozen=True):
    """What became of the rows; `read` is the sum of the others once all is done."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class Reject(msgspec.Struct, frozen=True):
    """A row that did not get in: its `line` in the file, its sku where it has one, and every reason."""

    line: int
    sku: str | None
    errors: list[Fault]


class _Candidate(msgspec.Struct, frozen=True):
    """A row found valid; `given` are the fields that the row names itself."""

    line: int
    document: Document
    given: frozenset[str]

    @property
    def sku(self) -> str | None:
        sku: str | None = self.document["sku"]
        return sku


async def import_rows(
    rows: Iterable[Source] | AsyncIterator[Source],
    store: DocumentStore,
    tenant: str,
    *,
    validate: Validate,
    now: Callable[[], str],
    on_progress: Callable[[Tally], None],
    on_reject: Callable[[Reject], None],
    update: bool = False,
) -> Tally:
    """Imports `rows` of (line number, row or what is wrong with it).

    New skus are inserted. With `update` a product that has the sku takes over the fields that the row names (others
    stay); without, it is left as it is. Raises BackendDown; what was counted by then is in.
    """
    run = _Run(store, tenant, validate, now, on_progress, on_reject, update)
    in_flight: deque[asyncio.Task[None]] = deque()
    try:
        async for chunk in _chunks(rows):
            in_flight.append(asyncio.create_task(run.store_chunk(run.check(chunk))))
            if len(in_flight) >= IN_FLIGHT:
                await _settled(in_flight)
        while in_flight:
            await _settled(in_flight)
    finally:
        # What is under way is let finish, also when interrupted: a write cannot be recalled, and so is counted.
        await asyncio.gather(*in_flight, return_exceptions=True)
    return run.tally


async def _settled(in_flight: deque[asyncio.Task[None]]) -> None:
    """Waits for the oldest; cancelling the wait does not cancel the work."""
    await asyncio.wait({in_flight[0]})
    in_flight.popleft().result()


def product_id(tenant: str, kind: str, content: str) -> str:
    """The id of what `tenant` imports under a sku ("sku") or without one ("content")."""
    digest = hashlib.sha256("\0".join((tenant, kind, content)).encode()).digest()
    return ids.encode(int.from_bytes(digest, "big"))


class _Run:
    def __init__(
        self,
        store: DocumentStore,
        tenant: str,
        validate: Validate,
        now: Callable[[], str],
        on_progress: Callable[[Tally], None],
        on_reject: Callable[[Reject], None],
        update: bool,
    ) -> None:
        self.tally = Tally()
        self._store = store
        self._tenant = tenant
        self._validate = validate
        self._now = now
        self._on_progress = on_progress
        self._on_reject = on_reject
        self._update = update
        self._seen = SeenKeys()

    def check(self, chunk: Sequence[Source]) -> list[_Candidate]:
        """The chunk's valid rows; the others are rejected. Runs in the order of the file."""
        found = [self._candidate(line, row) for line, row in chunk]
        self._count(read=len(chunk))
        return [candidate for candidate in found if candidate is not None]

    def _candidate(self, line: int, row: dict[str, Any] | Fault | list[Fault]) -> _Candidate | None:
        if not isinstance(row, dict):
            self._reject(line, None, [row] if isinstance(row, Fault) else row)
            return None
        fields, faults = self._validate(row)
        if fields is None or faults:
            sku = row.get("sku")
            self._reject(line, sku if isinstance(sku, str) else None, faults)
            return None
        candidate = _Candidate(line, self._document(fields), frozenset(row))
        return candidate if self._is_first(candidate) else None

    def _is_first(self, candidate: _Candidate) -> bool:
        earlier = self._seen.first_line(candidate.document["_id"], candidate.line)
        if earlier is not None:
            reason = f"stands on line {earlier} already" if candidate.sku else f"is the same row as line {earlier}"
            self._reject(candidate.line, candidate.sku, [Fault(_SKU if candidate.sku else "", reason)])
        return earlier is None

    def _document(self, fields: dict[str, Any]) -> Document:
        content = {
            "name": fields["name"],
            "category": fields.get("category"),
            "description": fields.get("description"),
            "sku": fields.get("sku"),
            "status": fields.get("status") or "active",
            "price": fields.get("price"),
            "attributes": fields.get("attributes") or {},
            "mediaIds": fields.get("mediaIds") or [],
        }
        kind = "sku" if content["sku"] else "content"
        key = content["sku"] or msgspec.json.encode(content, order="sorted").decode()
        now = self._now()
        made = {"createdBy": self._tenant, "createdAt": now, "updatedAt": now, "version": 1}
        return {"_id": product_id(self._tenant, kind, key), **content, **made}

    async def store_chunk(self, candidates: list[_Candidate]) -> None:
        """Inserts what is new, then sees to what was there."""
        candidates = await self._with_media(candidates)
        present = await self._by_sku([candidate.sku for candidate in candidates if candidate.sku])
        fresh = [candidate for candidate in candidates if candidate.sku not in present]
        outcomes = await self._write([Insert(candidate.document) for candidate in fresh])
        clashes = [candidate for candidate, outcome in zip(fresh, outcomes, strict=True) if outcome == "exists"]
        self._count(inserted=len(fresh) - len(clashes))
        there = [(candidate, present[candidate.sku]) for candidate in candidates if candidate.sku in present]
        there += await self._same(clashes)
        await self._update_changed(there)

    async def _with_media(self, candidates: list[_Candidate]) -> list[_Candidate]:
        """Those whose pictures are the tenant's; the others are rejected."""
        wanted = {id for candidate in candidates for id in candidate.document["mediaIds"]}
        if not wanted:
            return candidates
        known = await self._store.get_many(MEDIA, self._tenant, sorted(wanted))
        found: list[_Candidate] = []
        for candidate in candidates:
            media = enumerate(candidate.document["mediaIds"])
            missing = [
                Fault(f"/mediaIds/{at}", "is not a medium of this tenant") for at, id in media if id not in known
            ]
            if missing:
                self._reject(candidate.line, candidate.sku, missing)
            else:
                found.append(candidate)
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

    async def _same(self, clashes: list[_Candidate]) -> list[tuple[_Candidate, Document]]:
        """Of rows whose `_id` exists, those whose document is still theirs: another run's, or an earlier one's."""
        if not clashes:
            return []
        stored = await self._store.get_many(PRODUCTS, self._tenant, [one.document["_id"] for one in clashes])
        pairs: list[tuple[_Candidate, Document]] = []
        for candidate in clashes:
            document = stored.get(candidate.document["_id"])
            if document is not None and (candidate.sku is None or document["sku"] == candidate.sku):
                pairs.append((candidate, document))
            else:
                reason = "the product that was imported under this sku has been given another since"
                self._reject(candidate.line, candidate.sku, [Fault(_SKU, reason)])
        return pairs

    async def _update_changed(self, pairs: list[tuple[_Candidate, Document]]) -> None:
        changed = [(one, stored, new) for one, stored in pairs if (new := self._changed(one, stored)) is not None]
        outcomes = await self._write([Replace(new, stored["version"]) for _, stored, new in changed])
        applied = outcomes.count("applied")
        self._count(updated=applied, unchanged=len(pairs) - len(changed))
        for (candidate, _, _), outcome in zip(changed, outcomes, strict=True):
            if outcome != "applied":
                reason = f"the product changed during the import ({outcome}); import the row again"
                self._reject(candidate.line, candidate.sku, [Fault("", reason)])

    def _changed(self, candidate: _Candidate, stored: Document) -> Document | None:
        """What to replace `stored` with, or None to leave it. What the row does not name stays: pictures, say."""
        if not self._update or candidate.sku is None:
            return None
        given = {name: candidate.document[name] for name in candidate.given if name in candidate.document}
        if all(stored.get(name) == value for name, value in given.items()):
            return None
        return stored | given | {"updatedAt": self._now(), "version": stored["version"] + 1}

    async def _write(self, writes: Sequence[Write]) -> list[str]:
        return list(await self._store.write(PRODUCTS, self._tenant, writes)) if writes else []

    def _reject(self, line: int, sku: str | None, errors: list[Fault]) -> None:
        self._on_reject(Reject(line, sku, errors))
        self._count(rejected=1)

    def _count(self, **more: int) -> None:
        counts = {name: getattr(self.tally, name) + number for name, number in more.items()}
        self.tally = msgspec.structs.replace(self.tally, **counts)
        self._on_progress(self.tally)


async def _chunks(rows: Iterable[Source] | AsyncIterator[Source]) -> AsyncIterator[list[Source]]:
    if isinstance(rows, AsyncIterator):
        chunk: list[Source] = []
        async for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
        return
    iterator: Iterator[Source] = iter(rows)
    # Reading and parsing happen in a thread, so that writes go on meanwhile.
    while chunk := await asyncio.to_thread(lambda: list(islice(iterator, CHUNK))):
        yield chunk
