import pytest

from gigaday.errors import BackendDown, ObjectMissing
from gigaday.resilience.guarded_objects import GuardedObjects


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
