"""Uploads that are given up take with them what is theirs alone."""

import pytest

from gigaday.errors import NotFound
from gigaday.model.media import TRASH
from tests.unit.ops.kept_media import TENANT, fields


async def begun(kept, size: int):
    promised = {"size": size, "contentType": "text/plain", "sha256": None}
    return await kept.uploads.begin(TENANT, kept.new_id(), "put", promised, 0)


async def test_given_up_its_bytes_go_and_its_room_is_given_back(kept):
    upload = await begun(kept, 5)
    await kept.stored(b"bytes", upload["storageKey"])
    await kept.uploads.abandon(upload)
    assert kept.keys() == set()
    assert await kept.quota.used(TENANT) == 0
    with pytest.raises(NotFound):
        await kept.uploads.existing(TENANT, upload["_id"])


async def test_of_one_that_sent_nothing_the_room_is_given_back_too(kept):
    await kept.uploads.abandon(await begun(kept, 5))
    assert await kept.quota.used(TENANT) == 0


@pytest.mark.parametrize("thrown_away", [False, True])
async def test_bytes_that_a_medium_relies_on_stay_when_its_upload_s_record_was_left_behind(kept, thrown_away):
    upload = await begun(kept, 5)
    await kept.stored(b"bytes", upload["storageKey"])
    medium = await kept.making.make(TENANT, upload["_id"], fields(b"bytes"), upload["storageKey"])
    twin = await kept.uploaded(b"bytes")
    assert twin["storageKey"] == upload["storageKey"]
    if thrown_away:
        await kept.trash.throw(medium)
    await kept.uploads.abandon(upload)
    assert kept.keys() == {upload["storageKey"]}
    assert await kept.quota.used(TENANT) == 5, "the bytes are counted once"
    if thrown_away:
        assert await kept.documents.get(TRASH, TENANT, medium["_id"])
        assert (await kept.trash.restore(TENANT, medium["_id"]))["storageKey"] == upload["storageKey"]
