"""Bytes under keys; what some stores can besides; and what delivers them to the world."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


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


class Part(msgspec.Struct, frozen=True):
    """A piece of an object that is not whole yet: `size` in bytes, `tag` is what the store calls it."""

    number: int
    size: int
    tag: str


class Growth(msgspec.Struct, frozen=True):
    """How far an object has come that is written piece by piece: kept by the caller between two calls, maybe for days
    and by different processes. `handle` is the store's own name for it; `offset` bytes are safe, the last `tail` of
    them held apart until they are enough for a part."""

    key: str
    handle: str
    offset: int = 0
    parts: tuple[Part, ...] = ()
    tail: int = 0


class GrowingStore(ObjectStore, Protocol):
    """An object store that can take an object in pieces, over many calls. One caller at a time writes one growth; what
    lies beyond `growth.offset` (of a call that failed, or whose result was not kept) is overwritten by the next call.
    """

    async def start(self, key: str, content_type: str) -> Growth:
        """Begins an object; nothing is visible under `key` before `complete`."""

    async def append(
        self, growth: Growth, chunks: AsyncIterator[bytes], kept: Callable[[Growth], Awaitable[None]] | None = None
    ) -> Growth:
        """Adds `chunks` at `growth.offset`, in bounded memory; on return they survive a crash. Tells `kept` now and
        then how far it has come, so that a crash midway costs little. What `chunks` raises goes through, as do
        ObjectMissing (the growth was abandoned or completed), BackendDown and BackendFull."""

    async def complete(self, growth: Growth) -> int:
        """Makes the object visible, whole; returns its size. May be repeated where the first answer was lost."""

    async def abandon(self, growth: Growth) -> None:
        """Removes what there is of it; no error where there is nothing."""

    def unfinished(self, prefix: str) -> AsyncIterator[tuple[Growth, float]]:
        """Those begun under `prefix` and neither completed nor abandoned, with epoch seconds of when (offset and parts
        are not told)."""


class SignedRequest(msgspec.Struct, frozen=True):
    """A request that whoever holds it may send until it expires, with exactly these headers."""

    method: str
    url: str
    headers: dict[str, str]


class Presigner(Protocol):
    """Lets clients move bytes to and from the store directly. Signing needs no network. `seconds` is until expiry,
    `size` in bytes, `sha256` in hex: both are bound into the signature, as is the type."""

    def signed_put(self, key: str, seconds: int, *, size: int, content_type: str, sha256: str) -> SignedRequest:
        """Stores the whole object. The store refuses a body of another size or digest."""

    def signed_part(self, growth: Growth, number: int, seconds: int, *, size: int, sha256: str | None) -> SignedRequest:
        """Stores part `number` (from 1) of a growth."""

    def signed_get(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str:
        """A URL that reads the object, answered with these headers."""

    async def arrived(self, growth: Growth) -> Growth:
        """The growth with the parts that the store has, as `complete` needs them. Raises BackendDown, ObjectMissing."""


class LocalFiles(Protocol):
    """Where objects are files of this machine, which the HTTP server can send without their passing through Python."""

    def file(self, key: str) -> Path:
        """Where the object lies, if it is there."""


class Delivery(msgspec.Struct, frozen=True):
    """A thing to be fetched: `path` and query on a node (signed already where it has to be), and the stored object that
    it is, where it is one as it lies. `expires` in epoch seconds; None for what anyone may fetch for ever."""

    path: str
    content_type: str
    disposition: str
    key: str | None = None
    expires: int | None = None


class Cdn(Protocol):
    """What stands between clients and nodes and keeps what they may share."""

    def link(self, delivery: Delivery) -> str:
        """An absolute URL, or a path where there is no CDN. Needs no network."""

    async def purge(self, tags: Sequence[str]) -> None:
        """Has every edge forget what stands under any of `tags` (`rules.tags`). Raises BackendDown; may be repeated."""

    async def ping(self) -> None:
        """Really exercises it; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""
