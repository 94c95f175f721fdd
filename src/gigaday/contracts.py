"""What the rest of Gigaday asks of a technology, and what each operation guarantees.

Every contract has one test suite in `tests/contracts` that runs over every back end.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

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


class StoredObject(msgspec.Struct, frozen=True):
    """`size` in bytes; `modified` in epoch seconds."""

    key: str
    size: int
    modified: float


class ObjectStore(Protocol):
    """Immutable bytes under slash-separated keys of `[A-Za-z0-9._-]`. Raises BackendDown; BackendFull on put."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        """Streams `chunks` in; returns the size in bytes. All or nothing: a key is visible only once complete, and
        an iterator that raises (or a cancelled call) leaves nothing behind. Memory stays bounded."""

    async def size(self, key: str) -> int | None:
        """The object's size in bytes, or None."""

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Streams bytes [start, end). Raises ObjectMissing before the first chunk."""

    async def delete(self, key: str) -> None:
        """Removes it; no error where it is missing."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Every object whose key starts with `prefix`, in no promised order."""

    async def ping(self) -> None:
        """Really exercises the technology, without writing; raises BackendDown."""

    async def tidy(self) -> None:
        """Removes what puts of processes that died have left, once nobody can be going on with it."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class Policy(msgspec.Struct, frozen=True):
    """A token bucket: holds at most `quota`, refills continuously at `quota` per `window` seconds."""

    name: str
    quota: int
    window: int


class Decision(msgspec.Struct, frozen=True):
    """`remaining` whole tokens; `reset` seconds until the bucket is full; `retry_after` seconds until the asked
    cost would be admitted (0 when admitted); `unshared` where no shared bucket could be asked."""

    allowed: bool
    remaining: int
    reset: int
    retry_after: float
    unshared: bool = False


class Charge(NamedTuple):
    """`cost` tokens of the bucket `key`."""

    key: str
    policy: Policy
    cost: int = 1


class Charged(NamedTuple):
    """Of several charges the one that was refused, or else the one with the least left of its quota."""

    policy: Policy
    decision: Decision


class Buckets(Protocol):
    """Token buckets by key, as the edge asks them. A refusal takes nothing and re-arms nothing."""

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision | None:
        """The decision where it needs no waiting, else None, with nothing taken: then ask `take`."""

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        """The decision, within a small bound of time whatever is down; never raises BackendDown. A cost of 0 looks."""

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        """Undoes a `take` whose request another limit refused."""


class Grant(msgspec.Struct, frozen=True):
    """`granted` tokens left the bucket, which holds `level` afterwards."""

    granted: int
    level: float


class SharedBuckets(Protocol):
    """Token buckets that every node takes from, refilled by the store's own clock. Raises BackendDown within its
    small budget of time; tokens may then be taken or not."""

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        """Takes up to `most` tokens, whole ones, or none where fewer than `least` are there. Atomic. A negative
        `most` gives tokens back. A bucket that is not there holds the quota, or `start` tokens where that is less."""

    async def ping(self) -> None:
        """Really exercises the technology; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class Stamped(msgspec.Struct, frozen=True):
    """`value` is None where nothing valid is stored; `stamp` says what was invalidated until now."""

    value: bytes | None
    stamp: bytes


class SharedCache(Protocol):
    """Values under tags, shared by all nodes; any may vanish at any time. Raises BackendDown within its small budget
    of time. A tag begins with its owner's name, up to the first slash (`rules.tags`)."""

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        """The value, if none of `tags` (the same as it was stored under) was invalidated since the stamp it was stored
        with; and the stamp to store another with, taken before the value was read."""

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        """Keeps `value` for at most `ttl` seconds. No `get` answers it once a tag has been invalidated after `stamp`
        was taken, even where that happened before this call: a slow loader never revives an old value."""

    async def invalidate(self, tags: Sequence[str]) -> None:
        """On return no `get` answers a value stored under an earlier stamp of any of `tags`."""

    async def claim(self, key: str, seconds: float) -> bool:
        """Whether the caller is the only one to hold `key` for that long: the lease of a load across the fleet."""

    async def release(self, key: str) -> None:
        """Ends a claim at once, whoever's it is."""

    async def ping(self) -> None:
        """Really exercises the technology; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class Bus(Protocol):
    """Announcements to every node, in the order of each publisher, without any promise of delivery."""

    async def publish(self, message: bytes) -> None:
        """Raises BackendDown within its small budget of time; the message may then have gone out or not."""

    def messages(self) -> AsyncIterator[bytes]:
        """What is published from the first step on, one's own included. An empty message says: listening now. Raises
        BackendDown as soon as the connection is known to be lost; the caller listens anew."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class Clock(Protocol):
    """Time, injected so that tests own it."""

    def now(self) -> float:
        """Epoch seconds."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back."""
