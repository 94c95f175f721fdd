import pytest

from gigaday.contracts import Stamped
from gigaday.errors import BackendDown
from gigaday.resilience.guarded_cache import GuardedCache


class Cache:
    """Answers nothing while it is down, and counts what it is asked."""

    def __init__(self):
        self.up, self.asked, self.invalidated = True, 0, []

    async def get(self, key, tags):
        self.asked += 1
        if not self.up:
            raise BackendDown("slow")
        return Stamped(b"value", b"stamp")

    async def invalidate(self, tags):
        self.invalidated += tags


async def test_one_that_fails_is_asked_no_more_until_the_pause_is_over(make_guard, clock):
    inner = Cache()
    cache = GuardedCache(inner, make_guard())
    inner.up = False
    for _ in range(20):
        with pytest.raises(BackendDown):
            await cache.get("k", [])
    assert inner.asked == 3
    inner.up = True
    clock.time += 1.0
    assert (await cache.get("k", [])).value == b"value"


async def test_an_invalidation_is_tried_though_reads_fail(make_guard):
    inner = Cache()
    cache = GuardedCache(inner, make_guard())
    inner.up = False
    for _ in range(5):
        with pytest.raises(BackendDown):
            await cache.get("k", [])
    await cache.invalidate(["t"])
    assert inner.invalidated == ["t"]
