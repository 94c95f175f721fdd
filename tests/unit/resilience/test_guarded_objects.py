import pytest

from gigaday.contracts import Growth, SignedRequest
from gigaday.errors import BackendDown, ObjectMissing
from gigaday.resilience.guarded_objects import GuardedObjects, GuardedPresigner


class Objects:
    """One object, while `up`."""

    def __init__(self):
        self.up, self.asked = True, 0

    def _ask(self):
        self.asked += 1
        if not self.up:
            raise BackendDown("reset")

    async def put(self, key, chunks, content_type):
        self._ask()
        return sum([len(chunk) async for chunk in chunks])

    async def size(self, key):
        self._ask()
        return 3

    async def read(self, key, start, end):
        self._ask()
        if key == "missing":
            raise ObjectMissing(key)
        yield b"abc"[start:end]

    async def ping(self):
        self._ask()

    async def start(self, key, content_type):
        self._ask()
        return Growth(key, "h")

    async def append(self, growth, chunks, kept=None):
        self._ask()
        grown = Growth(growth.key, growth.handle, growth.offset + sum([len(chunk) async for chunk in chunks]))
        if kept is not None:
            await kept(grown)
        return grown

    async def complete(self, growth):
        self._ask()
        return growth.offset

    async def abandon(self, growth):
        self._ask()

    async def unfinished(self, prefix):
        self._ask()
        yield Growth(prefix, "h"), 5.0

    def signed_part(self, growth, number, seconds, *, size, sha256):
        return SignedRequest("PUT", f"{growth.key}?{number}", {})

    async def arrived(self, growth):
        self._ask()
        return growth


@pytest.fixture
def inner():
    return Objects()


@pytest.fixture
def objects(inner, make_guard):
    return GuardedObjects(inner, make_guard())


async def body(drawn):
    for chunk in (b"ab", b"c"):
        drawn.append(chunk)
        yield chunk


async def read(objects, key="a"):
    return b"".join([chunk async for chunk in objects.read(key, 0, 3)])


async def test_hands_bodies_on(objects):
    assert await objects.put("a", body([]), "text/plain") == 3
    assert (await objects.size("a"), await read(objects)) == (3, b"abc")


async def test_refuses_an_upload_before_its_body_is_read_once_the_store_has_failed_too_often(objects, inner, clock):
    inner.up = False
    for _ in range(3):
        with pytest.raises(BackendDown):
            await read(objects)
    drawn = []
    with pytest.raises(BackendDown):
        await objects.put("a", body(drawn), "text/plain")
    assert (drawn, inner.asked) == ([], 3)
    inner.up = True
    clock.time += 1.0
    assert await objects.put("a", body(drawn), "text/plain") == 3


async def test_what_is_missing_is_no_outage(objects):
    for _ in range(5):
        with pytest.raises(ObjectMissing):
            await read(objects, "missing")
    assert await objects.size("a") == 3


async def test_an_object_grows_through_it(objects):
    growth = await objects.append(await objects.start("a", "text/plain"), body([]))
    assert await objects.complete(growth) == 3
    assert [found async for found in objects.unfinished("a")] == [(Growth("a", "h"), 5.0)]
    await objects.abandon(growth)


async def test_refuses_to_grow_before_the_body_is_read_once_the_store_has_failed_too_often(objects, inner):
    inner.up, drawn = False, []
    for attempt in (objects.start("a", "t"), objects.complete(Growth("a", "h")), objects.abandon(Growth("a", "h"))):
        with pytest.raises(BackendDown):
            await attempt
    with pytest.raises(BackendDown):
        await objects.append(Growth("a", "h"), body(drawn))
    assert (drawn, inner.asked) == ([], 3)


async def test_an_outage_of_where_growths_are_kept_is_not_the_stores(objects):
    async def kept(growth):
        raise BackendDown("the database is away")

    for _ in range(5):
        with pytest.raises(BackendDown, match="the database is away"):
            await objects.append(Growth("a", "h"), body([]), kept)
    assert await objects.size("a") == 3


async def test_signing_goes_on_while_the_store_is_down_and_asking_it_is_guarded(inner, make_guard):
    presigner = GuardedPresigner(inner, make_guard())
    assert await presigner.arrived(Growth("a", "h")) == Growth("a", "h")
    inner.up = False
    for _ in range(5):
        with pytest.raises(BackendDown):
            await presigner.arrived(Growth("a", "h"))
    assert inner.asked == 4
    assert presigner.signed_part(Growth("a", "h"), 1, 60, size=5, sha256=None).url == "a?1"
