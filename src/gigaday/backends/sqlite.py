"""Documents in one SQLite file: the embedded default.

A table per collection holds (createdBy, _id, version, doc), `doc` being JSON; declared indexes are expression indexes
led by `createdBy`, array indexes are side tables (kept here: a trigger that took each document apart again cost two
thirds of an insert). Point reads run on the event loop (some ten microseconds), longer reads in threads, and all writes
on one thread that commits what has queued up as one transaction with one fsync.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self, TypeVar

import msgspec

from gigaday.backends import sqlite_sql as sql
from gigaday.backends.sqlite_writer import Writer
from gigaday.contracts import Collection, Delete, Document, Insert, Outcome, Query, Replace, Write
from gigaday.errors import BackendDown

T = TypeVar("T")
_READERS = 4
_STEPS_BETWEEN_LOOKS = 10_000


class SqliteStore:
    """`DocumentStore` on one file; several processes may share it. `time_limit` is seconds for a read or a write."""

    def __init__(self, path: Path, *, time_limit: float = 5.0) -> None:
        self._path = path
        self._time_limit = time_limit
        self._point_reads = self._connect()
        self._readers: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(_READERS):
            self._readers.put(self._connect())
        self._slots = asyncio.Semaphore(_READERS)
        self._writer = Writer(self._connect_writer())
        self._known: set[str] = set()

    @classmethod
    def open(cls, path: Path, *, time_limit: float = 5.0) -> Self:
        """Opens the file, making it and its folder where missing. Raises BackendDown."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(path, time_limit=time_limit)
        except (OSError, sqlite3.Error) as error:
            raise BackendDown(f"cannot open {path.name}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=5.0)
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;")
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        # A large import touches pages all over its indexes: kept longer, in memory and in the log, many inserts of one
        # page become one write of it. What is committed is synced as before.
        connection = self._connect()
        connection.executescript("PRAGMA cache_size=-32000; PRAGMA wal_autocheckpoint=8192;")
        return connection

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        await self._ready(collection, owner)
        with _translated():
            row = self._point_reads.execute(sql.get(collection), (owner, id)).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        await self._ready(collection, owner)
        rows = await self._read(sql.get_many(collection), (owner, msgspec.json.encode(list(ids)).decode()))
        documents = (msgspec.json.decode(row[0]) for row in rows)
        return {document["_id"]: document for document in documents}

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        await self._ready(collection, owner)
        found: list[Document] = []
        for statement, values in sql.page_segments(collection, owner, query):
            rows = await self._read(statement, (*values, query.limit - len(found)))
            found += [msgspec.json.decode(row[0]) for row in rows]
            if len(found) >= query.limit:
                break
        return found

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        await self._ready(collection, owner)
        return await self._change(lambda connection: [_apply(connection, collection, owner, w) for w in writes])

    async def delete_expired(self, collection: Collection, now: str) -> int:
        if collection.expires is None:
            return 0
        statement = sql.delete_expired(collection)
        await self._ready(collection, "operator")
        return await self._change(lambda connection: connection.execute(statement, (now,)).rowcount)

    async def prepare(self, collections: Sequence[Collection]) -> None:
        for collection in collections:
            # No time limit: a new index over much data takes as long as it takes.
            await self._writer.run(_executor(sql.schema(collection)))
            self._known.add(collection.name)

    async def ping(self) -> None:
        await self._read("SELECT count(*) FROM sqlite_schema", ())

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        self._point_reads.close()
        await asyncio.to_thread(self._close_readers)

    async def _ready(self, collection: Collection, owner: str) -> None:
        if not owner:
            raise ValueError("an owner is required")
        if collection.name not in self._known:
            await self.prepare([collection])

    async def _change(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await self._writer.run(job, within=self._time_limit)

    async def _read(self, statement: str, values: tuple[Any, ...]) -> list[tuple[str]]:
        await self._slots.acquire()
        reading = asyncio.ensure_future(asyncio.to_thread(self._read_now, statement, values))
        # By the thread's end, not the caller's: a cancelled caller leaves a thread that still has its connection.
        reading.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(reading)

    def _read_now(self, statement: str, values: tuple[Any, ...]) -> list[tuple[str]]:
        connection = self._readers.get()
        deadline = time.monotonic() + self._time_limit
        try:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
            with _translated():
                return connection.execute(statement, values).fetchall()
        finally:
            self._readers.put(connection)

    def _close_readers(self) -> None:
        for _ in range(_READERS):
            self._readers.get().close()


def _apply(connection: sqlite3.Connection, collection: Collection, owner: str, write: Write) -> Outcome:
    match write:
        case Insert(document):
            values = (_owned(owner, document), document["_id"], document["version"], _encode(document))
            if not connection.execute(sql.insert(collection), values).rowcount:
                return "exists"
            _note_arrays(connection, collection, owner, document)
            return "applied"
        case Replace(document, expected):
            id = document["_id"]
            change = (document["version"], _encode(document), _owned(owner, document), id, expected)
            if not connection.execute(sql.replace(collection), change).rowcount:
                return _why_not(connection, collection, owner, id)
            _forget_arrays(connection, collection, owner, id)
            _note_arrays(connection, collection, owner, document)
            return "applied"
        case Delete(id, expected):
            if not connection.execute(sql.delete(collection), (owner, id, expected)).rowcount:
                return _why_not(connection, collection, owner, id)
            _forget_arrays(connection, collection, owner, id)
            return "applied"


def _note_arrays(connection: sqlite3.Connection, collection: Collection, owner: str, document: Document) -> None:
    for field in sql.array_fields(collection):
        rows = [(owner, value, document["_id"]) for value in document.get(field) or ()]
        connection.executemany(sql.note_element(collection, field), rows)


def _forget_arrays(connection: sqlite3.Connection, collection: Collection, owner: str, id: str) -> None:
    for field in sql.array_fields(collection):
        connection.execute(sql.forget_elements(collection, field), (owner, id))


def _why_not(connection: sqlite3.Connection, collection: Collection, owner: str, id: str) -> Outcome:
    return "stale" if connection.execute(sql.get(collection), (owner, id)).fetchone() else "missing"


def _owned(owner: str, document: Document) -> str:
    if document["createdBy"] != owner:
        raise ValueError("the document belongs to another owner")
    return owner


def _encode(document: Document) -> str:
    return msgspec.json.encode(document).decode()


def _executor(statements: Sequence[str]) -> Callable[[sqlite3.Connection], None]:
    def execute(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return execute


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackendDown(f"sqlite: {error}") from error
    except OverflowError as error:
        raise ValueError(f"not storable: {error}") from error
