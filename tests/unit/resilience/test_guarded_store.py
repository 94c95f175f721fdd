import pytest

from gigaday.contracts import Collection, Delete, Query
from gigaday.errors import BackendDown, BackendReadOnly
from gigaday.resilience.guarded_store import GuardedStore

ITEMS = Collection("items")
WRITE = [Delete("a")]


class Store:
    """Reads and writes fail while they are told to."""

    def __init__(self):
        self.reads = self.writes = True
        self.writable = True
        self.asked = 0

    async def get(self, collection, owner, id):
        return self._read({"_id": id})

    async def get_many(self, collection, owner, ids):
        return self._read({id: {} for id in ids})

    async def page(self, collection, owner, query):
        return self._read([])

    async def write(self, collection, owner, writes):
        self.asked += 1
        if not self.writes:
            raise BackendDown("no primary")
        return ["applied"]

    async def ping(self):
        self._read(None)

    def _read(self, found):
        self.asked += 1
        if not self.reads:
            raise BackendDown("gone")
        return found


@pytest.fixture
def inner():
    return Store()


@pytest.fixture
def store(inner, make_guard):
    return GuardedStore(inner, make_guard(retries=1), make_guard(), lambda: inner.writable)


async def test_hands_calls_on(store):
    assert await store.get(ITEMS, "acme", "a") == {"_id": "a"}
    assert await store.get_many(ITEMS, "acme", ["a"]) == {"a": {}}
    assert await store.page(ITEMS, "acme", Query()) == []
    assert await store.write(ITEMS, "acme", WRITE) == ["applied"]


async def test_reads_go_on_while_writes_fail_and_these_are_soon_refused_as_read_only(store, inner):
    inner.writes = False
    for _ in range(3):
        with pytest.raises(BackendDown) as tried:
            await store.write(ITEMS, "acme", WRITE)
        assert not isinstance(tried.value, BackendReadOnly)  # it may have been done
    asked = inner.asked
    with pytest.raises(BackendReadOnly):
        await store.write(ITEMS, "acme", WRITE)
    assert inner.asked == asked
    assert await store.get(ITEMS, "acme", "a") == {"_id": "a"}


async def test_a_write_is_not_tried_where_none_is_taken(store, inner):
    inner.writable = False
    with pytest.raises(BackendReadOnly):
        await store.write(ITEMS, "acme", WRITE)
    assert inner.asked == 0
    inner.writable = True
    assert await store.write(ITEMS, "acme", WRITE) == ["applied"]


async def test_a_write_that_was_tried_is_never_told_as_not_done(store, inner):
    async def lost(*_):
        inner.writable = False
        raise BackendDown("the answer was lost")

    inner.write = lost
    with pytest.raises(BackendDown) as tried:
        await store.write(ITEMS, "acme", WRITE)
    assert not isinstance(tried.value, BackendReadOnly)


async def test_what_only_a_primary_tells_is_not_asked_without_one_and_keeps_nobody_from_reading_the_rest(store, inner):
    inner.writable = False
    for _ in range(5):
        with pytest.raises(BackendDown, match="no primary"):
            await store.get(Collection("tokens", tenanted=False), "operator", "a")
    assert (inner.asked, store.reads.breaker.state) == (0, "closed")
    assert await store.get(ITEMS, "acme", "a") == {"_id": "a"}


async def test_a_write_is_never_repeated_here(store, inner):
    inner.writes = False
    with pytest.raises(BackendDown):
        await store.write(ITEMS, "acme", WRITE)
    assert inner.asked == 1


async def test_the_probe_tells_that_nothing_is_written_and_still_that_reading_works(store, inner, clock):
    inner.reads = False
    for _ in range(3):
        with pytest.raises(BackendDown):
            await store.ping()
    inner.reads, inner.writable = True, False
    clock.time += 1.0
    with pytest.raises(BackendReadOnly):
        await store.ping()
    assert store.reads.breaker.state == "closed"
