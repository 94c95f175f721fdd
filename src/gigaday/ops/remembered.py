"""Documents by their id, from the node's cache: for what is read far more often than it is written."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gigaday.contracts import OPERATOR, Collection, Document, DocumentStore
from gigaday.rules import tags
from gigaday.rules.freshness import Lifetime

LIFETIME = Lifetime(ttl=3_600.0, stale_while_revalidate=60.0, stale_if_error=300.0)


class Found(Protocol):
    """A value, and how it was come by."""

    @property
    def value(self) -> Document: ...


class Remembered(Protocol):
    """The cache of documents, as `caching.coherent` has it."""

    @property
    def version(self) -> int: ...

    def fresh(self, key: str, now: float) -> Document | None: ...

    def fresh_until(self, key: str) -> float: ...

    async def fetch(
        self, key: str, tags: Sequence[str], load: Callable[[], Awaitable[Document]], lifetime: Lifetime
    ) -> Found: ...


class Readable(Protocol):
    """Where documents can be read by their id: a store, or a memory of one."""

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        """The document, or None. Raises BackendDown."""


class _Missing(Exception):
    """There is no such document; never remembered, or guesses would fill the cache."""


class RememberedDocuments:
    """What is written here is seen at once, what is written elsewhere within a second. The documents are not to be
    changed."""

    def __init__(self, store: DocumentStore, remembered: Remembered) -> None:
        self._store, self._remembered = store, remembered

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        """The document, or None. Raises BackendDown where it cannot be told, though what was known is believed for some
        minutes of an outage."""

        async def load() -> Document:
            found = await self._store.get(collection, owner, id)
            if found is None:
                raise _Missing
            return found

        under = tags.of_item(owner, collection.name, id)
        try:
            return (await self._remembered.fetch(key(collection, owner, id), under, load, LIFETIME)).value
        except _Missing:
            return None


def key(collection: Collection, owner: str, id: str) -> str:
    """Under which a document is remembered. Neither names nor ids hold a space."""
    return f"{collection.name} {id}" if owner == OPERATOR else f"{collection.name} {owner} {id}"
