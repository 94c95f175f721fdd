from pathlib import Path

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.caching.coherent import Coherent
from gigaday.caching.coherent_store import CoherentStore
from gigaday.caching.forwarding_store import ForwardingStore
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.trust import Trust
from gigaday.contracts import OPERATOR, Delete, Insert, Replace
from gigaday.errors import BackendDown
from gigaday.model.media import MEDIA
from gigaday.model.tenant import TENANTS
from gigaday.ops.remembered import RememberedDocuments, key
from gigaday.ops.token_lookup import DocumentCodec
from tests.clocks import HandClock


class Counted(ForwardingStore):
    """A store whose reads are counted, and which can be down."""

    reads, down = 0, False

    async def get(self, collection, owner, id):
        self.reads += 1
        if self.down:
            raise BackendDown("database")
        return await super().get(collection, owner, id)


@pytest.fixture
async def place(tmp_path: Path):
    """What remembers, the store behind it, and the store that writes are told by."""
    clock, invalidation = HandClock(), Invalidation()
    counted = Counted(SqliteStore.open(tmp_path / "a.sqlite"))
    await counted.prepare([MEDIA, TENANTS])
    cache = Coherent(clock, DocumentCodec(), invalidation, Trust(), shared=None, max_bytes=1 << 20)
    written = CoherentStore(counted, invalidation.invalidate, lambda receipt: None, frozenset())
    yield RememberedDocuments(counted, cache), counted, written
    await counted.close()


def medium(version: int = 1, owner: str = "acme") -> dict:
    return {"_id": "01", "createdBy": owner, "version": version, "filename": f"{version}.png"}


async def test_it_is_read_once(place):
    remembered, store, written = place
    await written.write(MEDIA, "acme", [Insert(medium())])
    for _ in range(5):
        assert await remembered.get(MEDIA, "acme", "01") == medium()
    assert store.reads == 1


async def test_writes_are_seen_at_once(place):
    remembered, _, written = place
    assert await remembered.get(MEDIA, "acme", "01") is None
    await written.write(MEDIA, "acme", [Insert(medium())])
    assert await remembered.get(MEDIA, "acme", "01") == medium()
    await written.write(MEDIA, "acme", [Replace(medium(2), 1)])
    assert await remembered.get(MEDIA, "acme", "01") == medium(2)
    await written.write(MEDIA, "acme", [Delete("01")])
    assert await remembered.get(MEDIA, "acme", "01") is None


async def test_what_is_missing_is_asked_for_again(place):
    remembered, store, _ = place
    for _ in range(3):
        assert await remembered.get(MEDIA, "acme", "01") is None
    assert store.reads == 3


async def test_one_owner_never_gets_what_is_anothers(place):
    remembered, _, written = place
    for owner in ("acme", "other"):
        await written.write(MEDIA, owner, [Insert(medium(owner=owner))])
    assert (await remembered.get(MEDIA, "acme", "01"))["createdBy"] == "acme"
    assert (await remembered.get(MEDIA, "other", "01"))["createdBy"] == "other"
    assert await remembered.get(MEDIA, "third", "01") is None


async def test_what_is_known_outlives_an_outage(place):
    remembered, store, written = place
    await written.write(MEDIA, "acme", [Insert(medium())])
    await remembered.get(MEDIA, "acme", "01")
    store.down = True
    assert await remembered.get(MEDIA, "acme", "01") == medium()
    with pytest.raises(BackendDown):
        await remembered.get(MEDIA, "acme", "02")


def test_no_two_documents_share_a_name():
    names = {
        key(MEDIA, "acme", "01"),
        key(MEDIA, "other", "01"),
        key(TENANTS, OPERATOR, "acme"),
        key(MEDIA, OPERATOR, "01"),
    }
    assert len(names) == 4
