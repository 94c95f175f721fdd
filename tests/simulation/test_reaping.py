"""A fleet that uploads, shares, deletes, restores and reaps media, simulated out of one seed: nothing that anybody can
rely on loses its bytes, and nothing that nobody needs keeps them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

import msgspec
import pytest

from gigaday.contracts import OPERATOR, Collection, Document, Growth, Query
from gigaday.errors import ApiError, BackendError, NotFound, ObjectMissing, PreconditionFailed
from gigaday.model.media import MEDIA, REAPING, TRASH
from gigaday.model.tenant import TENANTS
from gigaday.model.upload import UPLOADS
from gigaday.ops import reaping
from gigaday.ops.claims import CLAIM_SECONDS, Claim, Claims
from gigaday.ops.media_making import MediaMaking
from gigaday.ops.media_verify import Verify
from gigaday.ops.quota import Quota
from gigaday.ops.reaper import Reaper
from gigaday.ops.removal import Removal
from gigaday.ops.trash import Trash
from gigaday.ops.uploads import Uploads
from gigaday.rules import ids, storage_keys, times
from tests.simulation.media_world import Documents, LoopClock, Objects, Road
from tests.simulation.seeds import first_failing, replay
from tests.simulation.virtual import run

SEEDS = 700
SECONDS = 3.0
TENANT = "acme"
CONTENTS = (b"a stool", b"a table, which is larger", b"a lamp")
"""So few that most uploads share bytes."""
SAFE = 60.0
"""Seconds after which what was stored has its record or never will have one, as a real grace is long enough for."""
LATER = 30 * 24 * 3600.0
GIVEN_UP = (ApiError, BackendError)


class Lost(AssertionError):
    """Something that was to be relied on is gone."""


class HastyUploads(Uploads):
    """Uploads that expire while they are under way."""

    def expiry(self) -> str:
        return times.text(self._clock.now() + 0.4)


class Blind:
    """A store as somebody sees it who does not look at `collection`."""

    def __init__(self, store: Documents, collection: Collection) -> None:
        self._store, self._collection = store, collection
        self.get_many, self.write = store.get_many, store.write

    async def get(self, collection: Collection, owner: str, id: str) -> Document | None:
        return None if collection.name == self._collection.name else await self._store.get(collection, owner, id)

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        looks = any(filter.field == "storageKey" for filter in query.filters)
        if looks and collection.name == self._collection.name:
            return []
        return await self._store.page(collection, owner, query)


class Claimless(Claims):
    """What a reaper has that claims nothing."""

    @asynccontextmanager
    async def claimed(self, key: str) -> AsyncIterator[Claim | None]:
        yield Claim(self._clock, self._clock.now() + CLAIM_SECONDS)


class Trusting:
    """An object store as somebody sees it who never looks whether bytes are there."""

    def __init__(self, objects: Objects) -> None:
        self.delete, self.list, self._objects = objects.delete, objects.list, objects
        self.sizes: dict[str, int] = {}

    async def size(self, key: str) -> int | None:
        return self.sizes.get(key) or await self._objects.size(key)


class World:
    """`writer` and `reaper` do not look at these collections; `trusting` writers do not look for bytes, and a reaper
    that is not `claiming` claims nothing."""

    def __init__(
        self, seed: int, *, faults: bool = False, writer: Collection | None = None, reaper: Collection | None = None,
        trusting: bool = False, claiming: bool = True,
    ) -> None:  # fmt: skip
        self.random = Random(seed)
        self.road = Road(self.random, self.random.choice((0.01, 0.05)) if faults else 0.0)
        self.swift = Road(self.random, self.road.faults, swift=True)
        self.documents, self.objects = Documents(self.road), Objects(self.road, self.deleting)
        self.clock = LoopClock()
        self.grace = self.random.choice((0.0, 0.0, 0.5, SAFE))
        self.quota = Quota(self.documents)
        self.trusted = Trusting(self.objects)
        own = (Claims if claiming else Claimless)(_seen(self.documents, reaper), self.clock)
        self.claims, self.removal = own, Removal(own, self.objects, self.quota)
        self.making = MediaMaking(
            _seen(self.documents, writer), self.trusted if trusting else self.objects, self.quota, self.clock
        )
        # What a request does that restores takes no time to speak of, beside the days for which the trash is kept.
        near, self.kept_for = self.documents.by(self.swift), self.random.choice((0.5, 1.0))
        self.trash = Trash(near, self.objects.by(self.swift), self.clock, Claims(_seen(near, writer), self.clock),
                           self.removal, self.kept_for)  # fmt: skip
        self.uploads = HastyUploads(self.documents, self.objects, self.clock, self.quota, self.removal,
                                    self.new_key)  # fmt: skip
        self.answered: set[str] = set()
        self.live: set[str] = set()
        """Those that were answered as being there, and that nobody has begun to delete since."""
        self.throws: Counter[str] = Counter()
        self.throwing: Counter[str] = Counter()
        """Those that are being thrown away, or that nobody knows of whether they were."""
        self.counts: Counter[str] = Counter()
        self.running = True

    def new_id(self) -> str:
        return ids.make(self.clock.now(), self.random.randbytes(10))

    def new_key(self, tenant: str, id: str) -> str:
        return storage_keys.storage_key(tenant, id, lambda count: self.random.randbytes(count).hex())

    def pointing_at(self, key: str) -> list[Document]:
        """What must not lose these bytes."""
        media = [record for record in self.documents.of(MEDIA) if record["_id"] in self.answered]
        return [record for record in (*media, *self.documents.of(TRASH)) if record["storageKey"] == key]

    def deleting(self, key: str) -> None:
        self.counts["deleted"] += 1
        if self.pointing_at(key):
            raise Lost(f"{key} was deleted, which is needed")

    def has_bytes(self, record: Document) -> bool:
        content, _ = self.objects.kept.get(record["storageKey"], (b"", 0.0))
        return sha256(content).hexdigest() == record["sha256"]

    def records(self, id: str) -> list[Document]:
        return [record for of in (MEDIA, TRASH) for record in self.documents.of(of) if record["_id"] == id]

    def answer(self, id: str) -> None:
        self.answered.add(id)
        records = self.records(id)
        if not records or not all(self.has_bytes(record) for record in records):
            raise Lost(f"{id} was answered, and its bytes are gone")

    async def upload(self) -> None:
        id, content = self.new_id(), self.random.choice(CONTENTS)
        key = self.new_key(TENANT, id)
        await self.objects.put(key, _once(content), "")
        await self.quota.reserve(TENANT, 0, len(content))
        await self.make(id, content, key)

    async def make(self, id: str, content: bytes, key: str) -> None:
        self.trusted.sizes[key] = len(content)
        fields = {
            "filename": "a", "alt": None, "contentType": "text/plain", "size": len(content),
            "sha256": sha256(content).hexdigest(), "width": None, "height": None,
        }  # fmt: skip
        made = await self.making.make(TENANT, id, fields, key)
        self.counts["shared"] += made["storageKey"] != key
        self.answer(id)
        self.live.add(id)
        self.counts["uploaded"] += 1

    async def upload_in_pieces(self) -> None:
        id, content = self.new_id(), self.random.choice(CONTENTS)
        upload = await self.uploads.begin(
            TENANT, id, "tus", {"size": len(content), "contentType": None, "sha256": None}, 0
        )
        async with self.uploads.hold(upload) as hold:
            growth = await self.objects.append(msgspec.convert(upload["growth"], Growth), _once(content))
            await hold.update(growth=msgspec.to_builtins(growth), expiresAt=self.uploads.expiry())
        if self.random.random() < 0.3:
            return  # the client is gone
        await asyncio.sleep(self.random.uniform(0.0, 0.5))
        async with self.uploads.hold(hold.document) as hold:
            await self.objects.complete(growth)
            if await self.objects.size(growth.key) != len(content):
                raise ObjectMissing(growth.key)
            hold.check()
            await self.make(id, content, growth.key)
            await hold.forget()

    async def throw(self) -> None:
        if not self.answered:
            return
        id = self.random.choice(sorted(self.answered))
        medium = await self.documents.by(self.swift).get(MEDIA, TENANT, id)
        if medium is not None:
            self.throws[id] += 1
            self.live.discard(id)
            self.throwing[id] += 1
            with suppress(PreconditionFailed):
                await self.trash.throw(medium)
            self.throwing[id] -= 1
            self.counts["thrown"] += 1

    async def restore(self) -> None:
        thrown = sorted(self.throws)
        if not thrown:
            return
        id = self.random.choice(thrown)
        throws, alive = self.throws[id] if not self.throwing[id] else -1, id in self.live
        try:
            await self.trash.restore(TENANT, id)
        except NotFound:
            assert not (alive and id in self.live and throws == self.throws[id]), f"{id} is there and was not found"
            return
        self.counts["restored"] += 1
        if self.throws[id] == throws:  # else somebody has thrown it away meanwhile
            self.answer(id)
            assert self.records(id)[0] in self.documents.of(MEDIA), f"{id} was restored and is not there"
            self.live.add(id)

    async def reap(self) -> None:
        await self.reaped(self.grace)

    async def reaped(self, grace: float) -> None:
        reaper = Reaper(self.documents, self.objects, self.clock, self.claims, self.uploads, self.removal,
                        self.trash, grace=grace)  # fmt: skip
        async for found in reaping.run(self.documents, reaper):
            self.counts[found.what] += 1

    async def repeated(self, work: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while self.running:
            await asyncio.sleep(self.random.expovariate(1 / pause))
            with suppress(*GIVEN_UP):
                await work()

    async def run(self) -> None:
        tenant = {"_id": TENANT, "createdBy": OPERATOR, "version": 1}
        self.documents.kept[TENANTS.name] = {(OPERATOR, TENANT): tenant}
        workers = {self.upload: 0.1, self.upload_in_pieces: 0.2, self.throw: 0.05, self.restore: 0.1, self.reap: 0.1}
        async with asyncio.TaskGroup() as group:
            for work, pause in (*workers.items(), *workers.items()):
                group.create_task(self.repeated(work, pause))
            await asyncio.sleep(SECONDS)
            self.running = False
        self.check_live()
        assert all(self.has_bytes(record) for record in self.documents.of(TRASH))

    def check_live(self) -> None:
        there = {record["_id"]: record for record in self.documents.of(MEDIA)}
        for id in self.live:
            if id not in there or not self.has_bytes(there[id]):
                raise Lost(f"{id} is there no more, or has no bytes")

    async def settle(self) -> None:
        """Long after, and with nothing broken any more."""
        self.road.faults = self.swift.faults = 0.0
        await asyncio.sleep(LATER)
        await self.reaped(0.0)


def _seen(documents: Documents, but: Collection | None) -> Any:
    return Blind(documents, but) if but else documents


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _kept(seed: int, **how: Any) -> None:
    """Nothing is lost, nothing is there by half, nothing is left, and all is counted."""
    world = World(seed, **how)
    await world.run()
    await world.settle()
    world.check_live()
    media = world.documents.of(MEDIA)
    if not how.get("faults"):
        assert all(world.has_bytes(record) for record in media)
    assert {record["storageKey"] for record in media if world.has_bytes(record)} == set(world.objects.kept)
    assert not [*world.documents.of(TRASH), *world.documents.of(UPLOADS), *world.objects.growing]
    counted = await (verify := Verify(world.documents, world.objects, world.quota)).count(TENANT)
    assert counted.stored == sum(len(content) for content, _ in world.objects.kept.values())
    assert how.get("faults") or world.grace < SAFE or not counted.drift
    await verify.mend(counted)
    assert await world.quota.used(TENANT) == counted.stored


def test_nothing_that_is_needed_loses_its_bytes_and_nothing_else_keeps_them() -> None:
    replay(_kept, SEEDS)


def test_so_it_is_where_answers_are_lost() -> None:
    replay(partial(_kept, faults=True), SEEDS)


def test_everything_happens_that_is_to_be_survived() -> None:
    seen: Counter[str] = Counter()

    async def count(seed: int) -> None:
        world = World(seed)
        await world.run()
        await world.settle()
        seen.update(world.counts)

    for seed in range(30):
        run(count(seed))
    assert {"uploaded", "shared", "thrown", "restored", "upload", "trash", "orphan"} <= seen.keys(), seen
    assert min(seen[what] for what in ("shared", "thrown", "restored", "orphan", "trash")) > 30, seen


@pytest.mark.parametrize(
    "unlike",
    [{"writer": REAPING}, {"trusting": True}, {"reaper": MEDIA}, {"reaper": TRASH}, {"claiming": False}],
    ids=["writers-see-no-claims", "writers-look-for-no-bytes", "reaper-sees-no-media", "reaper-sees-no-trash",
         "reaper-claims-nothing"],
)  # fmt: skip
def test_without_either_side_something_is_lost(unlike: dict[str, Any]) -> None:
    scenario = partial(_kept, **unlike)
    seed = first_failing(scenario, SEEDS)
    assert seed is not None
    with pytest.raises((Lost, ExceptionGroup)) as failed:
        run(scenario(seed))
    assert isinstance(failed.value, Lost) or failed.group_contains(Lost)
