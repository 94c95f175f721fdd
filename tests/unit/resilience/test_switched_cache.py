import pytest

from gigaday.contracts import Stamped
from gigaday.errors import BackendDown
from gigaday.resilience.switched_cache import FOLLOWED, SwitchedCache


class Cache:
    """Keeps what it is given, and drops everything when anything is invalidated."""

    def __init__(self):
        self.kept, self.up = {}, True

    async def get(self, key, tags):
        return Stamped(self.kept.get(key), b"")

    async def set(self, key, value, ttl, stamp):
        self.kept[key] = value

    async def invalidate(self, tags):
        if not self.up:
            raise BackendDown("gone")
        self.kept.clear()


@pytest.fixture
def primary():
    return Cache()


@pytest.fixture
def backup():
    return Cache()


@pytest.fixture
def cache(primary, backup, clock):
    return SwitchedCache(primary, backup, clock)


async def value(cache):
    return (await cache.get("k", [])).value


async def test_uses_the_primary_until_told_otherwise(cache, primary):
    await cache.set("k", b"v", 60, b"")
    assert (await value(cache), primary.kept) == (b"v", {"k": b"v"})


async def test_uses_the_backup_once_every_node_has_followed(cache, clock, backup):
    cache.use("backup", 1)
    with pytest.raises(BackendDown):
        await value(cache)
    clock.time += FOLLOWED
    await cache.set("k", b"v", 60, b"")
    assert await value(cache) == b"v"
    assert list(backup.kept.values()) == [b"v"]


async def test_what_a_cache_held_before_it_was_left_is_not_believed_when_it_is_used_again(cache, clock):
    await cache.set("k", b"old", 60, b"")
    cache.use("off", 1)
    cache.use("primary", 2)
    clock.time += FOLLOWED
    assert await value(cache) is None


async def test_off_reads_nothing_and_still_drops_what_others_may_read(cache, clock, primary):
    await cache.set("k", b"v", 60, b"")
    cache.use("off", 1)
    clock.time += FOLLOWED
    with pytest.raises(BackendDown):
        await value(cache)
    await cache.invalidate(["t"])
    assert not primary.kept


async def test_a_primary_that_is_down_holds_up_no_invalidation_of_the_backup(cache, primary, backup):
    cache.use("backup", 1)
    primary.up = False
    backup.kept["1:k"] = b"v"
    await cache.invalidate(["t"])
    assert not backup.kept
    backup.up = False
    with pytest.raises(BackendDown):
        await cache.invalidate(["t"])


async def test_without_a_backup_none_is_used(primary, clock):
    cache = SwitchedCache(primary, None, clock)
    cache.use("backup", 1)
    clock.time += FOLLOWED
    with pytest.raises(BackendDown):
        await value(cache)


async def test_what_is_written_is_dropped_where_it_was_left_until_every_node_has_followed(cache, clock, backup):
    cache.use("backup", 1)
    clock.time += FOLLOWED
    await cache.set("k", b"v", 60, b"")
    cache.use("primary", 2)
    await cache.invalidate(["t"])
    assert not backup.kept
    clock.time += FOLLOWED
    backup.kept["k"] = b"v"
    await cache.invalidate(["t"])
    assert backup.kept


async def test_what_could_not_be_dropped_while_no_cache_is_used_is_told(cache, primary):
    primary.up = False
    cache.use("off", 1)
    with pytest.raises(BackendDown):
        await cache.invalidate(["t"])
