import pytest

from gigaday.contracts import Delete
from gigaday.model.media import MEDIA
from gigaday.ops.media_verify import Verify
from tests.unit.ops.kept_media import TENANT


@pytest.fixture
def verify(kept):
    return Verify(kept.documents, kept.objects, kept.quota)


async def found(verify, seen=lambda size: None):
    return [fault async for fault in verify.faults(TENANT, seen)]


async def test_what_is_as_it_was_stored_has_no_fault_and_is_read_once(kept, verify):
    for content in (b"one", b"one", b"four"):
        await kept.uploaded(content)
    read = []
    assert await found(verify, read.append) == []
    assert sum(read) == await verify.bytes_of(TENANT) == 7


@pytest.mark.parametrize(("content", "fault"), [(None, "missing"), (b"on", "size"), (b"two", "corrupt")])
async def test_what_is_not_is_named_with_every_record_that_shares_it(kept, verify, content, fault):
    first, second = await kept.uploaded(b"one", filename="1.txt"), await kept.uploaded(b"one", filename="2.txt")
    await kept.uploaded(b"other")
    await kept.trash.throw(second)
    path = kept.folder / first["storageKey"]
    path.unlink() if content is None else path.write_bytes(content)
    read = []
    told = await found(verify, read.append)
    assert [(wrong.fault, wrong.collection, wrong.id, wrong.filename) for wrong in told] == [
        (fault, "media", first["_id"], "1.txt"),
        (fault, "trash", second["_id"], "2.txt"),
    ]
    assert sum(read) == await verify.bytes_of(TENANT)


async def test_what_was_deleted_meanwhile_is_no_fault(kept):
    medium = await kept.uploaded(b"one")

    class Reaped:
        async def size(self, key):
            await kept.documents.write(MEDIA, TENANT, [Delete(medium["_id"])])
            return

    assert await found(Verify(kept.documents, Reaped(), kept.quota)) == []


@pytest.mark.parametrize("wrong", [-2, 0, 5])
async def test_a_count_that_is_wrong_is_mended(kept, verify, wrong):
    for content in (b"one", b"one", b"four"):
        await kept.uploaded(content)
    await kept.uploads.begin(TENANT, kept.new_id(), "tus", {"size": 10, "contentType": None}, 0)
    await (kept.quota.reserve(TENANT, 0, wrong) if wrong > 0 else kept.quota.release(TENANT, -wrong))
    counted = await verify.count(TENANT)
    assert (counted.counted, counted.stored, counted.drift) == (17 + wrong, 17, wrong)
    await verify.mend(counted)
    assert await kept.quota.used(TENANT) == 17
    assert (await verify.count(TENANT)).drift == 0
