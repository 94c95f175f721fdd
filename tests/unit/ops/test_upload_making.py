import hashlib
import os

import pytest
from msgspec import convert, to_builtins

from gigaday.backends.folder_growing import GrowingFolder
from gigaday.contracts import Growth, Insert
from gigaday.errors import BackendDown, Gone, Invalid
from gigaday.model.media import MEDIA
from gigaday.model.upload import UPLOADS
from gigaday.ops.claims import Claims
from gigaday.ops.quota import Quota
from gigaday.ops.removal import Removal
from gigaday.ops.upload_digests import Digests
from gigaday.ops.upload_making import UploadMaking
from gigaday.ops.uploads import Uploads
from gigaday.rules.storage_keys import storage_key

ID = "0123456789abcdefghjkmnpqrs"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x07\x00\x00\x00\x05\x08\x02\x00\x00\x00" + os.urandom(300_000)
)  # fmt: skip


class Making:
    """Writes the record; fails as it is told to, before or after."""

    def __init__(self, store):
        self.store, self.fails = store, ""

    async def make(self, tenant, id, fields, key):
        if self.fails == "before":
            raise BackendDown("gone")
        made = {"_id": id, "createdBy": tenant, "version": 1, "storageKey": key, **fields}
        await self.store.write(MEDIA, tenant, [Insert(made)])
        if self.fails == "after":
            raise BackendDown("the answer was lost")
        return made


class Desk:
    """Uploads to a folder, and what makes media of them."""

    def __init__(self, store, folder, clock):
        self.store, self.clock, self.quota, self.digests = store, clock, Quota(store), Digests()
        self.objects = GrowingFolder(folder, clock)
        removal = Removal(Claims(store, clock), self.objects, self.quota)
        self.uploads = Uploads(store, self.objects, clock, self.quota, removal, storage_key)
        self.records = Making(store)
        self.making = UploadMaking(self.objects, self.uploads, self.records, self.digests)

    async def begin(self, data=PNG, **promised):
        """The record of an upload that is to be `data`."""
        fields = {"filename": "a.png", "alt": None, "contentType": None, "sha256": None, "size": len(data)}
        return await self.uploads.begin("acme", ID, "tus", {**fields, **promised}, 0)

    async def upload(self, data=PNG, **promised):
        """An upload that is all there, and its record."""
        document = await self.begin(data, **promised)
        async with self.uploads.hold(document) as hold:

            async def chunks():
                yield data

            growth = await self.objects.append(convert(document["growth"], Growth), chunks())
            await hold.update(growth=to_builtins(growth), offset=growth.offset)
        return hold.document

    async def finish(self, document):
        async with self.uploads.hold(document) as hold:
            return await self.making.finish(hold)

    async def record(self):
        return await self.store.get(UPLOADS, "acme", ID)

    async def stored(self):
        return [found.key async for found in self.objects.list("")]


@pytest.fixture
async def desk(store, tmp_path, clock):
    return Desk(store, tmp_path / "objects", clock)


@pytest.mark.parametrize("known", [True, False])
async def test_an_upload_becomes_a_medium_of_what_its_bytes_are(desk, known):
    document = await desk.upload(contentType="image/png", sha256=hashlib.sha256(PNG).hexdigest())
    if known:
        desk.digests.keep(ID, len(PNG), hashlib.sha256(PNG))
    made = await desk.finish(document)
    assert (made["contentType"], made["width"], made["height"]) == ("image/png", 7, 5)
    assert (made["size"], made["sha256"]) == (len(PNG), hashlib.sha256(PNG).hexdigest())
    assert await desk.record() is None
    assert await desk.stored() == [made["storageKey"]]
    assert await desk.quota.used("acme") == len(PNG)


@pytest.mark.parametrize("broken", [{"sha256": "0" * 64}, {"contentType": "image/jpeg"}, {"size": len(PNG) + 1}])
async def test_what_is_not_as_promised_leaves_nothing(desk, broken):
    document = await desk.upload(**broken)
    with pytest.raises(Invalid) as refused:
        await desk.finish(document)
    assert [fault.pointer for fault in refused.value.errors] == [f"/{next(iter(broken))}"]
    assert await desk.record() is None
    assert await desk.stored() == []
    assert await desk.quota.used("acme") == 0


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_it_is_done_again_where_it_was_cut_off(desk, fails):
    document = await desk.upload()
    desk.records.fails = fails
    with pytest.raises(BackendDown):
        await desk.finish(document)
    desk.records.fails = ""
    assert (await desk.finish(await desk.record()))["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert await desk.record() is None
    assert len(await desk.stored()) == 1


async def test_an_upload_whose_bytes_are_gone_ends(desk):
    document = await desk.upload()
    async with desk.uploads.hold(document):
        await desk.objects.abandon(convert(document["growth"], Growth))
    with pytest.raises(Gone):
        await desk.finish(await desk.record())
    assert await desk.record() is None
    assert await desk.quota.used("acme") == 0


async def test_giving_up_what_has_become_a_medium_takes_nothing_from_it(desk):
    document = await desk.upload()
    desk.records.fails = "after"
    with pytest.raises(BackendDown):
        await desk.finish(document)
    await desk.uploads.abandon(await desk.record())
    assert await desk.record() is None
    assert len(await desk.stored()) == 1
    assert await desk.quota.used("acme") == len(PNG)


async def test_an_upload_that_is_given_up_leaves_nothing(desk):
    await desk.upload()
    await desk.uploads.abandon(await desk.record())
    assert await desk.record() is None
    assert [growth async for growth in desk.objects.unfinished("")] == []
    assert await desk.stored() == []
    assert await desk.quota.used("acme") == 0
