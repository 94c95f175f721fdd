import pytest

from gigaday.errors import BackendDown
from gigaday.model.media import MEDIA
from gigaday.ops.claims import CLAIM_SECONDS, lasts
from gigaday.rules.storage_keys import storage_key
from tests.unit.ops.kept_media import TENANT


async def test_a_claim_is_seen_while_it_is_held_and_no_longer(kept):
    async with kept.claims.claimed("k") as claim:
        assert claim.holds
        assert await kept.claims.is_claimed("k")
        assert not await kept.claims.is_claimed("other")
    assert not await kept.claims.is_claimed("k")


async def test_a_key_is_claimed_by_one_at_a_time(kept):
    async with kept.claims.claimed("k"), kept.claims.claimed("k") as second:
        assert second is None
    assert not await kept.claims.is_claimed("k")


async def test_after_an_error_the_claim_stays_until_it_expires_and_is_taken_over_then(kept):
    with pytest.raises(BackendDown):
        async with kept.claims.claimed("k"):
            raise BackendDown("it may be carried out yet")
    assert await kept.claims.is_claimed("k")
    async with kept.claims.claimed("k") as early:
        assert early is None
    kept.clock.time += CLAIM_SECONDS + 1
    assert not await kept.claims.is_claimed("k")
    async with kept.claims.claimed("k") as late:
        assert late.holds
        assert await kept.claims.is_claimed("k")


async def test_who_holds_a_claim_stops_long_before_others_may_have_it(kept):
    async with kept.claims.claimed("k") as claim:
        kept.clock.time += CLAIM_SECONDS / 2 + 1
        assert not claim.holds
        assert await kept.claims.is_claimed("k")


async def test_media_trash_and_uploads_point_at_keys(kept):
    medium = await kept.uploaded(b"one")
    key = medium["storageKey"]
    assert await kept.claims.is_referenced(TENANT, key)
    assert not await kept.claims.is_referenced(TENANT, key, {medium["_id"]})
    await kept.trash.throw(medium)
    assert await kept.claims.is_referenced(TENANT, key)
    upload = await kept.uploads.begin(TENANT, kept.new_id(), "put", {"size": 3, "contentType": None}, 0)
    assert await kept.claims.is_referenced(TENANT, upload["storageKey"])
    assert not await kept.claims.is_referenced(TENANT, storage_key(TENANT, upload["_id"]))
    assert not await kept.claims.is_referenced("other", key)


async def test_one_that_shares_a_key_is_found_beside_those_left_out(kept):
    first, second = [await kept.uploaded(b"one") for _ in range(2)]
    assert second["storageKey"] == first["storageKey"]
    assert await kept.claims.is_referenced(TENANT, first["storageKey"], {first["_id"]})
    assert not await kept.claims.is_referenced(TENANT, first["storageKey"], {first["_id"], second["_id"]})


async def test_a_record_lasts_with_its_bytes_and_without_a_claim(kept):
    medium = await kept.uploaded(b"one")
    assert await lasts(kept.claims, kept.objects, medium)
    async with kept.claims.claimed(medium["storageKey"]):
        assert not await lasts(kept.claims, kept.objects, medium)
    assert not await lasts(kept.claims, kept.objects, {**medium, "size": 4})
    await kept.objects.delete(medium["storageKey"])
    assert not await lasts(kept.claims, kept.objects, medium)
    assert await kept.documents.get(MEDIA, TENANT, medium["_id"])
