import pytest

from gigaday.errors import Unavailable
from gigaday.ops.claims import CLAIM_SECONDS
from gigaday.ops.removal import Removal, Removed
from gigaday.rules.storage_keys import variants_of
from tests.unit.ops.kept_media import TENANT


class Slow:
    """An object store during whose first deletion a claim runs out."""

    def __init__(self, kept):
        self._kept = kept

    def __getattr__(self, name):
        return getattr(self._kept.objects, name)

    async def delete(self, key):
        await self._kept.objects.delete(key)
        self._kept.clock.time += CLAIM_SECONDS


async def test_an_original_goes_with_what_was_made_from_it_and_gives_its_room_back(kept):
    key = await kept.stored(b"original")
    await kept.stored(b"small", variants_of(key) + "w400.webp")
    other = await kept.stored(b"another")
    await kept.quota.reserve(TENANT, 0, 15)
    assert await kept.removal.weigh(key) == Removed(objects=2, bytes=13, freed=8)
    assert await kept.removal.remove(TENANT, key) == Removed(objects=2, bytes=13, freed=8)
    assert kept.keys() == {other}
    assert await kept.quota.used(TENANT) == 7
    assert await kept.removal.remove(TENANT, key) == Removed()
    assert await kept.quota.used(TENANT) == 7


async def test_what_a_record_points_at_stays(kept):
    medium = await kept.uploaded(b"needed")
    assert await kept.removal.remove(TENANT, medium["storageKey"]) is None
    assert kept.keys() == {medium["storageKey"]}
    assert not await kept.claims.is_claimed(medium["storageKey"])


async def test_what_another_removes_is_left_to_it(kept):
    key = await kept.stored(b"original")
    async with kept.claims.claimed(key):
        assert await kept.removal.remove(TENANT, key) is None
    assert kept.keys() == {key}


async def test_nothing_is_deleted_under_a_claim_that_may_run_out(kept):
    key = await kept.stored(b"original")
    variant = await kept.stored(b"small", variants_of(key) + "w400.webp")
    slow = Removal(kept.claims, Slow(kept), kept.quota)
    with pytest.raises(Unavailable):
        await slow.remove(TENANT, key)
    assert kept.keys() == {variant}
