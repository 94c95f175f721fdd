"""A document store that hands every call on: what wraps one redefines only what it changes."""

from collections.abc import Sequence

from gigaday.contracts import Collection, Document, DocumentStore, Outcome, Query, Write


class ForwardingStore:
    """`DocumentStore` over another."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        return await self._store.get(collection, owner, id)

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        return await self._store.get_many(collection, owner, ids)

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        return await self._store.page(collection, owner, query)

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self._store.write(collection, owner, writes)

    async def delete_expired(self, collection: Collection, now: str) -> int:
        return await self._store.delete_expired(collection, now)

    async def prepare(self, collections: Sequence[Collection]) -> None:
        await self._store.prepare(collections)

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()
