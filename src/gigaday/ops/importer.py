"""Brings rows into a tenant's catalogue: streaming, by sku, and safe to interrupt and run again.

A product's `_id` is a digest of tenant and sku (of the content where a row has none), so that a second run, or two runs
at once, meet the same document instead of making another.
"""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from gigaday.contracts import Document, DocumentStore
from gigaday.errors import Fault
from gigaday.ops.import_chunk import CHUNK, SKU, Candidate, ChunkWriter, Sleep
from gigaday.rules import ids
from gigaday.rules.seen import SeenKeys

IN_FLIGHT = 3

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
    sleep: Sleep = asyncio.sleep,
) -> Tally:
    """Imports `rows` of (line number, row or what is wrong with it).

    New skus are inserted. With `update` a product that has the sku takes over the fields that the row names (others
    stay); without, it is left as it is. A chunk that the store does not answer is tried again for a while; then raises
    BackendDown. What was counted by then is in, and importing the same rows again does the rest.
    """
    writer = ChunkWriter(store, tenant, update, sleep)
    run = _Run(writer, tenant, validate, now, on_progress, on_reject)
    in_flight: deque[asyncio.Task[None]] = deque()
    try:
        async for chunk in _chunks(rows):
            in_flight.append(asyncio.create_task(run.store_chunk(run.check(chunk))))
            if len(in_flight) >= IN_FLIGHT:
                await _settled(in_flight)
        while in_flight:
            await _settled(in_flight)
    finally:
        writer.hurry()
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
        writer: ChunkWriter,
        tenant: str,
        validate: Validate,
        now: Callable[[], str],
        on_progress: Callable[[Tally], None],
        on_reject: Callable[[Reject], None],
    ) -> None:
        self.tally = Tally()
        self._writer = writer
        self._tenant = tenant
        self._validate = validate
        self._now = now
        self._on_progress = on_progress
        self._on_reject = on_reject
        self._seen = SeenKeys()

    def check(self, chunk: Sequence[Source]) -> list[Candidate]:
        """The chunk's valid rows; the others are rejected. Runs in the order of the file."""
        found = [self._candidate(line, row) for line, row in chunk]
        self._count(read=len(chunk))
        return [candidate for candidate in found if candidate is not None]

    def _candidate(self, line: int, row: dict[str, Any] | Fault | list[Fault]) -> Candidate | None:
        if not isinstance(row, dict):
            self._reject(line, None, [row] if isinstance(row, Fault) else row)
            return None
        fields, faults = self._validate(row)
        if fields is None or faults:
            sku = row.get("sku")
            self._reject(line, sku if isinstance(sku, str) else None, faults)
            return None
        candidate = Candidate(line, self._document(fields), frozenset(row))
        return candidate if self._is_first(candidate) else None

    def _is_first(self, candidate: Candidate) -> bool:
        earlier = self._seen.first_line(candidate.document["_id"], candidate.line)
        if earlier is not None:
            reason = f"stands on line {earlier} already" if candidate.sku else f"is the same row as line {earlier}"
            self._reject(candidate.line, candidate.sku, [Fault(SKU if candidate.sku else "", reason)])
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

    async def store_chunk(self, candidates: list[Candidate]) -> None:
        """Writes them, and only then counts, so that a try that broke off counts nothing."""
        fates = await self._writer.write(candidates)
        for fate in fates:
            if fate.state == "rejected":
                self._on_reject(Reject(fate.candidate.line, fate.candidate.sku, list(fate.errors)))
        self._count(**Counter[str](fate.state for fate in fates))

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
