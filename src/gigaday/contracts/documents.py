"""Documents of owners, and what they are asked with."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

Document = dict[str, Any]
"""A JSON object as stored: str, int, float, bool, None, lists and objects. Times are fixed-width UTC strings
(`2026-11-24T10:33:32.123Z`), so that they sort as text. Always holds `_id`, `createdBy` and `version`."""

ID_PATTERN = "^[0123456789abcdefghjkmnpqrstvwxyz]{26}$(?!\\n)"
"""The shape of the ids that the server makes (`rules.ids`); a trailing newline, which `$` alone admits, is refused."""

OPERATOR = "operator"
"""The owner (`createdBy`) of documents that belong to no tenant: tenants, tokens, idempotency records."""


class Index(msgspec.Struct, frozen=True):
    """An index to keep. `fields` are (dotted path, 1 or -1); `array` marks an index over an array's elements."""

    fields: tuple[tuple[str, int], ...]
    array: bool = False


class Collection(msgspec.Struct, frozen=True):
    """A named set of documents, sharded by `{createdBy: hashed, _id: 1}` if `tenanted`, else by a hashed `_id`.
    `expires` names a field holding a time after which the document may vanish by itself (within minutes).
    """

    name: str
    indexes: tuple[Index, ...] = ()
    tenanted: bool = True
    expires: str | None = None


Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "prefix"]


class Filter(msgspec.Struct, frozen=True):
    """`field` is a dotted path. On an array field `eq` means "contains". A missing field compares as null:
    only `eq None` and `ne x` match it."""

    field: str
    op: Operator
    value: Any


class Query(msgspec.Struct, frozen=True):
    """A page: filtered, sorted by (`sort`, `_id`), both ascending or both descending, strictly after `after`.

    Null and missing sort before every value (ascending). `after` is (sort value, _id) of the last item seen;
    with `sort="_id"` both are the id.
    """

    filters: tuple[Filter, ...] = ()
    sort: str = "_id"
    descending: bool = False
    after: tuple[Any, str] | None = None
    limit: int = 20


class Insert(msgspec.Struct, frozen=True):
    """Outcome "applied", or "exists" where the owner has a document of that `_id` already."""

    document: Document


class Replace(msgspec.Struct, frozen=True):
    """Replaces the whole document of the same `_id` if its stored `version` is `expected`.

    Outcome "applied", "stale" (there, at another version) or "missing".
    """

    document: Document
    expected: int


class Delete(msgspec.Struct, frozen=True):
    """Outcome "applied", "stale" (there, at another version than `expected`) or "missing"."""

    id: str
    expected: int | None = None


Write = Insert | Replace | Delete
Outcome = Literal["applied", "exists", "stale", "missing"]


class DocumentStore(Protocol):
    """Documents of owners. Every call names one owner and touches that owner's documents alone; an empty owner is
    a ValueError. Any call may raise BackendDown; every call ends within the store's time limit."""

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        """The document, or None. Sees every write that this store acknowledged before."""

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        """Those of `ids` that exist, by id, in one query."""

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        """At most `query.limit` documents in order; needs no count and no offset."""

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        """Applies each write on its own (no transaction over them), outcome by outcome in the order given.

        When it returns, "applied" is durable: synced to disk (SQLite) or acknowledged by a majority (MongoDB).
        No two writes of one call may name the same `_id`.
        """

    async def delete_expired(self, collection: Collection, now: str) -> int:
        """Removes documents whose `collection.expires` field lies before `now`; returns how many (0 where the
        technology expires by itself)."""

    async def prepare(self, collections: Sequence[Collection]) -> None:
        """Makes what a new, empty store needs (tables, indexes); never rebuilds an index on one that has data."""

    async def ping(self) -> None:
        """Really exercises the technology; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class BulkStore(DocumentStore, Protocol):
    """A document store that serves many owners in one call, each still named: for gathering what is asked at once."""

    async def get_each(self, collection: Collection, keys: Sequence[tuple[str, str]]) -> Sequence[Document | None]:
        """The document of each (owner, id), in the order given, in one query."""

    async def insert_each(self, collection: Collection, documents: Sequence[Document]) -> Sequence[Outcome | Exception]:
        """Inserts each document for its `createdBy`, in one unordered bulk; "applied" is as durable as `write` has it.
        A document that cannot be stored is answered by its error and harms no other. No two have one (owner, id)."""
