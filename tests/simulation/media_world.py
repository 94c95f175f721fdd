"""What a simulated fleet keeps media in: a database and an object store, in memory, slow and broken out of one seed.

Each call travels there, takes effect at one moment, and travels back; whatever else goes on may come between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any

import msgspec

from gigaday.contracts import (
    Collection,
    Document,
    Filter,
    Growth,
    Insert,
    Outcome,
    Query,
    Replace,
    StoredObject,
    Write,
)
from gigaday.errors import BackendDown, ObjectMissing


class LoopClock:
    """The loop's time, from some day on."""

    def now(self) -> float:
        return 1_800_000_000.0 + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Road:
    """The way to a store and back. One that is `swift` takes 50 ms at most; any other is now and then very long.
    `faults` is how often an answer is lost."""

    def __init__(self, random: Random, faults: float = 0.0, *, swift: bool = False) -> None:
        self._random, self.faults, self._swift = random, faults, swift

    async def there(self) -> None:
        await self._travel()
        if self._random.random() < self.faults:
            raise BackendDown("nobody is there")

    async def back(self) -> None:
        await self._travel()
        if self._random.random() < self.faults:
            raise BackendDown("the answer was lost")

    def lingers(self) -> bool:
        """Whether this one is carried out when nobody waits for it any more."""
        return self._random.random() < self.faults / 2

    async def _travel(self) -> None:
        slowness = self._random.random()
        slowest = 0.01 if slowness > 0.05 else 0.05 if self._swift else 0.3 if slowness > 0.01 else 3.0
        await asyncio.sleep(self._random.uniform(0.0005, slowest))


class Documents:
    """`DocumentStore`, as far as media need it."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.kept: dict[str, dict[tuple[str, str], Document]] = {}

    def by(self, road: Road) -> "Documents":
        """The same database, reached on another way."""
        other = Documents(road)
        other.kept = self.kept
        return other

    def of(self, collection: Collection) -> list[Document]:
        return list(self.kept.get(collection.name, {}).values())

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        return (await self.get_many(collection, owner, [id])).get(id)

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        await self._road.there()
        table = self.kept.get(collection.name, {})
        found = {id: {**table[owner, id]} for id in ids if (owner, id) in table}
        await self._road.back()
        return found

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        await self._road.there()
        found = [
            {**document}
            for document in self.of(collection)
            if document["createdBy"] == owner and all(_matches(document, filter) for filter in query.filters)
        ]
        found = sorted(found, key=lambda document: (document[query.sort], document["_id"]))
        if query.after is not None:
            found = [document for document in found if (document[query.sort], document["_id"]) > query.after]
        await self._road.back()
        return found[: query.limit]

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        await self._road.there()
        table = self.kept.setdefault(collection.name, {})
        outcomes = [_apply(table, owner, write) for write in writes]
        await self._road.back()
        return outcomes

    async def delete_expired(self, collection: Collection, now: str) -> int:
        return 0

    async def prepare(self, collections: Sequence[Collection]) -> None: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


def _matches(document: Document, filter: Filter) -> bool:
    value = document.get(filter.field)
    return bool({"eq": lambda: value == filter.value, "lte": lambda: value <= filter.value}[filter.op]())


def _apply(table: dict[tuple[str, str], Document], owner: str, write: Write) -> Outcome:
    id = write.document["_id"] if isinstance(write, Insert | Replace) else write.id
    known = table.get((owner, id))
    if isinstance(write, Insert):
        return "exists" if known else _put(table, owner, write.document)
    if known is None:
        return "missing"
    if write.expected not in (None, known["version"]):
        return "stale"
    if isinstance(write, Replace):
        return _put(table, owner, write.document)
    del table[owner, id]
    return "applied"


def _put(table: dict[tuple[str, str], Document], owner: str, document: Document) -> Outcome:
    table[owner, document["_id"]] = {**document}
    return "applied"


class Objects:
    """`GrowingStore`, as far as media need it. `deleting` is told a key at the moment at which its bytes go."""

    def __init__(self, road: Road, deleting: Callable[[str], None]) -> None:
        self._road, self._deleting = road, deleting
        self.kept: dict[str, tuple[bytes, float]] = {}
        self.growing: dict[str, tuple[Growth, bytes, float]] = {}
        self._clock, self._begun = LoopClock(), 0

    def by(self, road: Road) -> "Objects":
        """The same store, reached on another way; not to begin anything there."""
        other = Objects(road, self._deleting)
        other.kept, other.growing = self.kept, self.growing
        return other

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        content = b"".join([chunk async for chunk in chunks])
        await self._road.there()
        self.kept[key] = content, self._clock.now()
        await self._road.back()
        return len(content)

    async def size(self, key: str) -> int | None:
        await self._road.there()
        size = len(self.kept[key][0]) if key in self.kept else None
        await self._road.back()
        return size

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        await self._road.there()
        if key not in self.kept:
            raise ObjectMissing(key)
        yield self.kept[key][0][start:end]

    async def delete(self, key: str) -> None:
        await self._road.there()
        if self._road.lingers():
            asyncio.get_running_loop().call_later(1.0, self._delete, key)
            raise BackendDown("no answer in time, but it is still to be carried out")
        self._delete(key)
        await self._road.back()

    def _delete(self, key: str) -> None:
        if self.kept.pop(key, None) is not None:
            self._deleting(key)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        await self._road.there()
        for key, (content, modified) in sorted(self.kept.items()):
            if key.startswith(prefix):
                yield StoredObject(key, len(content), modified)

    async def start(self, key: str, content_type: str) -> Growth:
        await self._road.there()
        self._begun += 1
        growth = Growth(key, f"g{self._begun}")
        self.growing[growth.handle] = growth, b"", self._clock.now()
        await self._road.back()
        return growth

    async def append(self, growth: Growth, chunks: AsyncIterator[bytes], kept: Any = None) -> Growth:
        content = b"".join([chunk async for chunk in chunks])
        await self._road.there()
        if growth.handle not in self.growing:
            raise ObjectMissing(growth.key)
        _, before, begun = self.growing[growth.handle]
        grown = msgspec.structs.replace(growth, offset=growth.offset + len(content))
        self.growing[growth.handle] = grown, before[: growth.offset] + content, begun
        await self._road.back()
        return grown

    async def complete(self, growth: Growth) -> int:
        await self._road.there()
        if growth.handle in self.growing:
            _, content, _ = self.growing.pop(growth.handle)
            self.kept[growth.key] = content, self._clock.now()
        elif growth.key not in self.kept:
            raise ObjectMissing(growth.key)
        await self._road.back()
        return growth.offset

    async def abandon(self, growth: Growth) -> None:
        await self._road.there()
        self.growing.pop(growth.handle, None)
        await self._road.back()

    async def unfinished(self, prefix: str) -> AsyncIterator[tuple[Growth, float]]:
        await self._road.there()
        for growth, _, begun in list(self.growing.values()):
            if growth.key.startswith(prefix):
                yield growth, begun

    async def ping(self) -> None: ...

    async def tidy(self) -> None: ...

    async def close(self) -> None: ...
