from collections import Counter

import pytest

from gigaday.contracts import Insert
from gigaday.model.media import GRACE_SECONDS, MEDIA, TRASH
from gigaday.model.upload import KEPT_SECONDS, UPLOADS
from gigaday.rules.storage_keys import storage_key, variants_of
from tests.unit.ops.kept_media import DAY, TENANT, fields, once

OLD = 2 * DAY


async def begun(kept, kind: str = "tus", size: int = 3):
    promised = {"size": size, "contentType": "text/plain", "sha256": None}
    return await kept.uploads.begin(TENANT, kept.new_id(), kind, promised, 0)


async def orphan(kept, content: bytes = b"orphan", age: float = OLD) -> str:
    return kept.aged(await kept.stored(content), age)


async def test_an_orphan_goes_once_it_is_old_enough(kept):
    fresh, old = await orphan(kept, age=DAY - 60), await orphan(kept)
    await kept.stored(b"small", variants_of(old) + "w.webp")
    [gone] = await kept.reaped()
    assert (gone.what, gone.tenant, gone.key, gone.objects, gone.bytes) == ("orphan", TENANT, old, 2, 11)
    assert kept.keys() == {fresh}


async def test_what_anything_points_at_stays(kept):
    shared, twin = await kept.uploaded(b"shared"), await kept.uploaded(b"shared")
    await kept.trash.throw(shared)
    alone = await kept.uploaded(b"alone")
    await kept.trash.throw(alone)
    direct = await begun(kept, "put")
    keys = {twin["storageKey"], alone["storageKey"], await kept.stored(b"dir", direct["storageKey"])}
    for key in keys:
        kept.aged(key, OLD)
    assert await kept.reaped() == []
    assert kept.keys() == keys


async def test_the_trash_is_emptied_when_its_time_is_over(kept):
    medium = await kept.uploaded(b"one")
    await kept.trash.throw(medium)
    kept.clock.time += GRACE_SECONDS - 1
    assert await kept.reaped() == []
    kept.clock.time += 1
    [gone] = await kept.reaped()
    assert (gone.what, gone.key, gone.objects, gone.bytes) == ("trash", medium["storageKey"], 1, 3)
    assert kept.keys() == set()
    assert await kept.documents.get(TRASH, TENANT, medium["_id"]) is None
    assert await kept.quota.used(TENANT) == 0


async def test_the_trash_gives_up_no_bytes_that_are_shared(kept):
    medium, twin = await kept.uploaded(b"one"), await kept.uploaded(b"one")
    await kept.trash.throw(medium)
    kept.clock.time += GRACE_SECONDS
    [gone] = await kept.reaped()
    assert (gone.what, gone.objects, gone.bytes) == ("trash", 0, 0)
    assert kept.keys() == {twin["storageKey"]}
    assert await kept.quota.used(TENANT) == 3


@pytest.mark.parametrize("kind", ["tus", "put"])
async def test_an_upload_that_expired_gives_its_room_back(kept, kind):
    upload = await begun(kept, kind, size=10)
    if kind == "put":
        await kept.stored(b"0123456789", upload["storageKey"])
    kept.clock.time += KEPT_SECONDS - 1
    assert await kept.reaped() == []
    assert await kept.quota.used(TENANT) == 10
    kept.clock.time += 1
    [gone] = await kept.reaped()
    assert (gone.what, gone.key, gone.bytes) == ("upload", upload["storageKey"], 10 if kind == "put" else 0)
    assert kept.keys() == set()
    assert [found async for found in kept.objects.unfinished("")] == []
    assert await kept.quota.used(TENANT) == 0


async def test_an_upload_that_is_being_written_to_is_left_alone(kept):
    upload = await begun(kept)
    kept.clock.time += KEPT_SECONDS
    async with kept.uploads.hold(upload):
        assert await kept.reaped() == []
        assert await kept.documents.get(UPLOADS, TENANT, upload["_id"])


async def test_an_upload_that_had_become_a_medium_leaves_it_whole(kept):
    upload = await begun(kept, "put")
    await kept.stored(b"one", upload["storageKey"])
    await kept.making.make(TENANT, upload["_id"], fields(b"one"), upload["storageKey"])
    kept.clock.time += KEPT_SECONDS
    [gone] = await kept.reaped()
    assert (gone.what, gone.objects, gone.bytes) == ("upload", 0, 0)
    assert kept.keys() == {upload["storageKey"]}
    assert await kept.quota.used(TENANT) == 3


async def test_what_was_begun_and_is_no_upload_s_is_given_up(kept):
    kept_one = await begun(kept)
    lost = await kept.objects.start(storage_key(TENANT, kept.new_id()), "")
    await kept.objects.append(lost, once(b"half"))
    kept.clock.time += DAY - 60
    assert await kept.reaped() == []
    kept.clock.time += 60
    await kept.documents.write(  # as one that was gone on with
        UPLOADS, TENANT, [Insert({**kept_one, "_id": kept.new_id()})]
    )
    found = Counter(gone.what for gone in await kept.reaped(dry=True))
    assert found["growth"] == 1
    assert "growth" in {gone.what for gone in await kept.reaped()}
    assert lost.key not in {growth.key async for growth, _ in kept.objects.unfinished("")}


async def test_variants_whose_original_is_gone_go(kept):
    medium = await kept.uploaded(b"one")
    theirs = kept.aged(await kept.stored(b"small", variants_of(medium["storageKey"]) + "w.webp"), OLD)
    lost = kept.aged(await kept.stored(b"small", variants_of(storage_key(TENANT, kept.new_id())) + "w.webp"), OLD)
    [gone] = await kept.reaped()
    assert (gone.what, gone.objects, gone.bytes) == ("variants", 1, 5)
    assert kept.keys() == {medium["storageKey"], theirs}
    assert (await kept.objects.size(lost)) is None
    assert await kept.quota.used(TENANT) == 3


async def test_a_dry_run_tells_exactly_what_would_go_and_deletes_nothing(kept):
    for content in (b"shared", b"shared", b"alone"):
        await kept.trash.throw(await kept.uploaded(content))
    await begun(kept)
    await kept.stored(b"dir", (await begun(kept, "put"))["storageKey"])
    kept.clock.time += GRACE_SECONDS
    old = await orphan(kept)
    await kept.stored(b"small", variants_of(old) + "w.webp")
    kept.aged(await kept.stored(b"small", variants_of(storage_key(TENANT, kept.new_id())) + "w.webp"), OLD)
    await kept.uploaded(b"stays")
    before, used = kept.keys(), await kept.quota.used(TENANT)
    told = await kept.reaped(dry=True)
    assert kept.keys() == before
    assert await kept.quota.used(TENANT) == used
    done = await kept.reaped()
    # Of two that share bytes, the last to go takes them along.
    assert [(gone.what, gone.key, gone.why) for gone in told] == [(gone.what, gone.key, gone.why) for gone in done]
    assert [(gone.objects, gone.bytes) for gone in told] == [(gone.objects, gone.bytes) for gone in done]
    assert {gone.what for gone in done} == {"upload", "trash", "orphan", "variants"}
    assert len(kept.keys()) == len(await kept.documents.page(MEDIA, TENANT, _all()))
    assert await kept.reaped() == []


async def test_files_that_are_no_medium_s_are_not_the_reaper_s(kept):
    strange = {
        kept.aged(await kept.stored(b"x", key), OLD) for key in ("media/readme", "backups/a", f"media/{TENANT}/x")
    }
    assert await kept.reaped() == []
    assert kept.keys() == strange


def _all():
    from gigaday.contracts import Query

    return Query(limit=100)
