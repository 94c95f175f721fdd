"""The audit trail: what an operator's procedures have done, when, at whose word, and how it was before.

It is only ever added to. What the database does not take is kept in a file on the machine where the command ran, and
handed over as soon as a command there meets the database again.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from gigaday.contracts import OPERATOR, Clock, Collection, Document, DocumentStore, Filter, Index, Insert, Query
from gigaday.errors import BackendError, BadRequest
from gigaday.rules import ids, times

AUDIT = Collection("audit", tenanted=False, indexes=(Index((("procedure", 1), ("_id", 1))),))
MOST_SHOWN = 1_000
_RANDOM_BYTES = 10

What = Literal["begun", "acting", "done", "skipped", "failed", "ended", "undone", "restored"]
"""A run is begun and ended, or restored; a step is acting, then done or failed, and at last undone; or is skipped."""
State = dict[str, Any]
"""What a step has found or made, as JSON. Its plain values are told to people; the rest is what undoing needs."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`run` is the id of the run's first entry. `result` is in words."""

    id: str
    at: str
    by: str
    run: str
    procedure: str
    what: What
    step: str = ""
    before: State | None = None
    after: State | None = None
    result: str = ""


class AuditFile:
    """Entries, one a line, in the order in which they were added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entry: Entry) -> None:
        """On disk once this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            cut = file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
            file.write((b"\n" if cut else b"") + msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Entry]:
        """None where there is no file. A line that a crash has cut off was never acted on."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BadRequest(f"{self.path} cannot be read: {error}") from error
        return [entry for line in lines if (entry := _decoded(line)) is not None]


class Audit:
    """Writes as `by`; `store` is None where the database is known not to answer."""

    def __init__(
        self,
        store: DocumentStore | None,
        clock: Clock,
        file: AuditFile,
        by: str,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store, self._clock, self._file, self._random = store, clock, file, random
        self.by = by
        self._last = 0
        """The millisecond of the last entry."""

    async def add(self, what: What, procedure: str, run: str = "", **more: Any) -> Entry:
        """Kept once this returns, in the database or in the file. Without a `run`, the first of a new one."""
        # Ids sort by the millisecond, and what is added in one belongs in order, too.
        self._last = max(int(self._clock.now() * 1000), self._last + 1)
        now = (self._last + 0.5) / 1000  # in the middle, whatever is rounded
        id = ids.make(now, self._random(_RANDOM_BYTES))
        entry = Entry(id, times.text(now), self.by, run or id, procedure, what, **more)
        if not await self._stored([entry]):
            self._file.add(entry)
        return entry

    async def entries(self, limit: int = 50, procedure: str = "") -> list[Entry]:
        """The latest, newest first; where the database does not answer, those that this machine alone has."""
        kept = [entry for entry in self._file.read() if procedure in ("", entry.procedure)]
        await self.deliver()
        known = {entry.id: entry for entry in (*kept, *await self._found(limit, procedure))}
        return [known[id] for id in sorted(known, reverse=True)][:limit]

    async def deliver(self) -> None:
        """Hands over what the file has; what the database has already stays as it is."""
        kept = self._file.read()
        if kept:
            await self._stored(kept)

    async def _found(self, limit: int, procedure: str) -> list[Entry]:
        if self._store is None:
            return []
        filters = (Filter("procedure", "eq", procedure),) if procedure else ()
        query = Query(filters, descending=True, limit=min(limit, MOST_SHOWN))
        try:
            return [_entry(document) for document in await self._store.page(AUDIT, OPERATOR, query)]
        except BackendError:
            return []

    async def _stored(self, entries: Sequence[Entry]) -> bool:
        if self._store is None:
            return False
        try:
            await self._store.write(AUDIT, OPERATOR, [Insert(_document(entry)) for entry in entries])
        except BackendError:
            return False
        return True


def _document(entry: Entry) -> Document:
    fields = msgspec.to_builtins(entry)
    return {"_id": fields.pop("id"), **fields, "createdBy": OPERATOR, "version": 1}


def _entry(document: Document) -> Entry:
    fields = {name: document[name] for name in Entry.__struct_fields__ if name != "id"}
    return msgspec.convert({"id": document["_id"], **fields}, Entry)


def _decoded(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.DecodeError:
        return None
