import pytest

from gigaday.contracts import Delete, Described
from gigaday.errors import BackendDown, Conflict, IdempotencyMismatch, Unavailable
from gigaday.model.media import MEDIA
from gigaday.ops.media_making import MediaMaking
from gigaday.rules.storage_keys import storage_key
from tests.unit.ops.kept_media import TENANT, fields


class Describes:
    """`Images` that tell `answer` of every picture, or raise it; `asked` are the keys."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    async def describe(self, key, content_type, size):
        self.asked.append(key)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Meanwhile:
    """A store that does something of another's right before or after the first write of a medium."""

    def __init__(self, store, *, before=None, after=None):
        self._store, self._before, self._after = store, before, after

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, collection, owner, writes):
        if collection.name == MEDIA.name and self._before:
            before, self._before = self._before, None
            await before()
        outcome = await self._store.write(collection, owner, writes)
        if collection.name == MEDIA.name and self._after:
            after, self._after = self._after, None
            await after()
        return outcome


def making(kept, images=None, **meanwhile):
    return MediaMaking(Meanwhile(kept.documents, **meanwhile), kept.objects, kept.quota, kept.clock, images)


async def test_a_medium_is_what_was_stored(kept):
    made = await kept.uploaded(b"one")
    assert made == await kept.medium(made["_id"])
    assert (made["status"], made["version"], made["createdBy"], made["size"]) == ("ready", 1, TENANT, 3)
    assert {name: made[name] for name in ("color", "blurhash", "focus")} == dict.fromkeys(
        ("color", "blurhash", "focus")
    )
    assert await kept.quota.used(TENANT) == 3


async def test_the_same_bytes_are_kept_once_and_counted_once(kept):
    first, second = [await kept.uploaded(b"one") for _ in range(2)]
    assert first["_id"] != second["_id"]
    assert kept.keys() == {first["storageKey"]} == {second["storageKey"]}
    assert await kept.quota.used(TENANT) == 3


async def test_bytes_of_another_tenant_are_not_shared(kept):
    theirs = await kept.stored(b"one", storage_key("other", kept.new_id()))
    await kept.making.make("other", kept.new_id(), fields(b"one"), theirs)
    mine = await kept.uploaded(b"one")
    assert kept.keys() == {theirs, mine["storageKey"]}


async def test_making_it_again_is_making_it(kept):
    made = await kept.uploaded(b"one")
    again = await kept.making.make(TENANT, made["_id"], fields(b"one"), made["storageKey"])
    assert again == made
    assert kept.keys() == {made["storageKey"]}
    other_attempt = await kept.stored(b"one")
    await kept.quota.reserve(TENANT, 0, 3)
    assert await kept.making.make(TENANT, made["_id"], fields(b"one"), other_attempt) == made
    assert kept.keys() == {made["storageKey"]}
    assert await kept.quota.used(TENANT) == 3


async def test_an_id_that_was_used_for_other_bytes_is_refused_and_these_are_discarded(kept):
    made = await kept.uploaded(b"one")
    key = await kept.stored(b"two")
    await kept.quota.reserve(TENANT, 0, 3)
    with pytest.raises(IdempotencyMismatch):
        await kept.making.make(TENANT, made["_id"], fields(b"two"), key)
    assert kept.keys() == {made["storageKey"]}
    assert await kept.quota.used(TENANT) == 3


async def test_an_id_that_was_just_freed_is_a_conflict(kept):
    made = await kept.uploaded(b"one")
    key = await kept.stored(b"one")

    async def freed():
        await kept.documents.write(MEDIA, TENANT, [Delete(made["_id"])])

    with pytest.raises(Conflict):
        await making(kept, after=freed).make(TENANT, made["_id"], fields(b"one"), key)
    assert kept.keys() == {made["storageKey"]}


async def test_bytes_that_are_being_reaped_are_not_shared(kept):
    twin = await kept.uploaded(b"one")
    id, key = kept.new_id(), await kept.stored(b"one")
    await kept.quota.reserve(TENANT, 0, 3)
    async with kept.claims.claimed(twin["storageKey"]):
        made = await kept.making.make(TENANT, id, fields(b"one"), key)
    assert made == await kept.medium(id)
    assert made["storageKey"] == key
    assert kept.keys() == {key, twin["storageKey"]}


async def test_bytes_that_were_reaped_meanwhile_are_not_shared(kept):
    twin = await kept.uploaded(b"one")
    id, key = kept.new_id(), await kept.stored(b"one")

    async def reaped():
        await kept.documents.write(MEDIA, TENANT, [Delete(twin["_id"])])
        assert await kept.removal.remove(TENANT, twin["storageKey"])

    made = await making(kept, before=reaped).make(TENANT, id, fields(b"one"), key)
    assert made["storageKey"] == key
    assert kept.keys() == {key}


async def test_a_medium_whose_own_bytes_are_gone_is_not_there(kept):
    id, key = kept.new_id(), await kept.stored(b"one")
    await kept.objects.delete(key)
    with pytest.raises(Unavailable):
        await kept.making.make(TENANT, id, fields(b"one"), key)
    assert await kept.medium(id) is None


async def test_where_the_record_may_have_been_written_the_bytes_stay(kept):
    async def cut():
        raise BackendDown("the answer was lost")

    id, key = kept.new_id(), await kept.stored(b"one")
    with pytest.raises(BackendDown):
        await making(kept, after=cut).make(TENANT, id, fields(b"one"), key)
    assert kept.keys() == {key}
    assert await kept.making.make(TENANT, id, fields(b"one"), key) == await kept.medium(id)


async def test_a_picture_is_described_once_for_all_that_share_its_bytes(kept):
    images = Describes(Described("#aabbcc", "LEHV6n", 30, 20))
    keys = [await kept.stored(b"picture") for _ in range(2)]
    picture = fields(b"picture", contentType="image/png", width=None, height=None)
    for key in keys:
        made = await making(kept, images).make(TENANT, kept.new_id(), picture, key)
        assert (made["color"], made["blurhash"], made["width"], made["height"]) == ("#aabbcc", "LEHV6n", 30, 20)
    assert images.asked == keys[:1]


@pytest.mark.parametrize("answer", [Described(), BackendDown("no room")])
async def test_what_cannot_be_described_goes_without(kept, answer):
    key = await kept.stored(b"picture")
    picture = fields(b"picture", contentType="image/png", width=3, height=2)
    made = await making(kept, Describes(answer)).make(TENANT, kept.new_id(), picture, key)
    assert (made["color"], made["blurhash"], made["width"], made["height"]) == (None, None, 3, 2)


async def test_what_is_no_picture_is_not_looked_at(kept):
    images = Describes(Described("#aabbcc"))
    key = await kept.stored(b"text")
    made = await making(kept, images).make(TENANT, kept.new_id(), fields(b"text"), key)
    assert (made["color"], images.asked) == (None, [])
