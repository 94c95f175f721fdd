import pytest

from gigaday.contracts import Delete, Replace
from gigaday.errors import NotFound, PreconditionFailed, Unavailable
from gigaday.model.media import GRACE_SECONDS, MEDIA, TRASH
from gigaday.ops.claims import Claims
from gigaday.ops.trash import Trash
from gigaday.rules import times
from tests.unit.ops.kept_media import TENANT


async def thrown(kept, content: bytes = b"one"):
    medium = await kept.uploaded(content)
    await kept.trash.throw(medium)
    return medium


async def trashed(kept, medium):
    return await kept.documents.get(TRASH, TENANT, medium["_id"])


async def test_what_is_thrown_away_can_be_restored_as_it_was(kept):
    medium = await thrown(kept)
    assert await kept.medium(medium["_id"]) is None
    assert (await trashed(kept, medium))["expiresAt"] == times.text(kept.clock.now() + GRACE_SECONDS)
    restored = await kept.trash.restore(TENANT, medium["_id"])
    assert restored == await kept.medium(medium["_id"])
    changed = {"version", "updatedAt"}
    assert {name: restored[name] for name in medium.keys() - changed} == {
        name: medium[name] for name in medium.keys() - changed
    }
    assert restored["version"] > medium["version"]
    assert restored.keys() == medium.keys()
    assert await trashed(kept, medium) is None


async def test_restoring_twice_is_restoring(kept):
    medium = await thrown(kept)
    first = await kept.trash.restore(TENANT, medium["_id"])
    assert await kept.trash.restore(TENANT, medium["_id"]) == first


async def test_what_has_changed_since_is_not_thrown_away(kept):
    medium = await kept.uploaded(b"one")
    newer = {**medium, "alt": "x", "version": 2}
    await kept.documents.write(MEDIA, TENANT, [Replace(newer, 1)])
    with pytest.raises(PreconditionFailed):
        await kept.trash.throw(medium)
    assert await kept.medium(medium["_id"]) == newer
    assert await trashed(kept, medium) is None


async def test_throwing_goes_on_where_it_was_cut_off(kept):
    medium = await kept.uploaded(b"one")
    await kept.trash.throw(medium)
    await kept.trash.restore(TENANT, medium["_id"])
    again = await kept.medium(medium["_id"])
    await kept.trash.throw(again)
    left = await trashed(kept, medium)
    await kept.documents.write(MEDIA, TENANT, [Delete(medium["_id"])])
    await kept.trash.throw(again)  # as one that had been told of the medium before it went
    assert (await trashed(kept, medium))["version"] > left["version"]


@pytest.mark.parametrize("lost", ["record", "bytes"])
async def test_what_is_gone_is_not_found(kept, lost):
    medium = await thrown(kept)
    if lost == "record":
        await kept.documents.write(TRASH, TENANT, [Delete(medium["_id"])])
    else:
        await kept.objects.delete(medium["storageKey"])
    with pytest.raises(NotFound):
        await kept.trash.restore(TENANT, medium["_id"])
    assert await kept.medium(medium["_id"]) is None


async def test_the_trash_keeps_its_record_where_a_reaper_may_have_missed_the_other(kept):
    medium = await thrown(kept)

    class ClaimedSince(Claims):
        looks = 0

        async def is_claimed(self, key):
            self.looks += 1
            return self.looks > 1

    claims = ClaimedSince(kept.documents, kept.clock)
    await Trash(kept.documents, kept.objects, kept.clock, claims, kept.removal).restore(TENANT, medium["_id"])
    assert await trashed(kept, medium)
    assert await kept.medium(medium["_id"])


async def test_what_is_being_reaped_is_not_restored_and_may_be_once_it_is_not(kept):
    medium = await thrown(kept)
    before = await trashed(kept, medium)
    async with kept.claims.claimed(medium["storageKey"]):
        with pytest.raises(Unavailable):
            await kept.trash.restore(TENANT, medium["_id"])
    assert await kept.medium(medium["_id"]) is None
    assert await kept.trash.expire(before) is None, "it was renewed by the attempt"
    await kept.trash.restore(TENANT, medium["_id"])
    assert await kept.medium(medium["_id"])


async def test_throwing_away_what_is_gone_leaves_nothing(kept):
    medium = await thrown(kept)
    await kept.trash.remove(TENANT, medium["_id"])
    await kept.trash.throw(medium)
    assert await trashed(kept, medium) is None


async def test_what_is_removed_for_good_takes_its_bytes_along(kept):
    medium = await thrown(kept)
    await kept.trash.remove(TENANT, medium["_id"])
    assert kept.keys() == set()
    assert await kept.quota.used(TENANT) == 0
    with pytest.raises(NotFound):
        await kept.trash.remove(TENANT, medium["_id"])


async def test_bytes_that_another_shares_stay(kept):
    medium, twin = await kept.uploaded(b"one"), await kept.uploaded(b"one")
    await kept.trash.throw(medium)
    await kept.trash.remove(TENANT, medium["_id"])
    assert kept.keys() == {twin["storageKey"]}
    assert await kept.quota.used(TENANT) == 3
