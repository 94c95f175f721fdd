"""Tests of `caching.local`."""

import tracemalloc
from collections.abc import Callable
from random import Random

import pytest

from gigaday.caching.local import Entry, Local
from gigaday.rules import tags
from gigaday.rules.freshness import Lifetime

LIFETIME = Lifetime()


def entry(key: str, *held: str, size: int = 600) -> Entry[bytes]:
    return Entry(key, bytes(size), size, held, lifetime=LIFETIME)


def test_what_was_put_is_found_until_one_of_its_tags_is_dropped() -> None:
    local = Local[bytes]()
    for number in range(3):
        local.put(entry(f"k{number}", *tags.of_item("acme", "products", str(number))))
    assert local.drop(["acme/products/1", "acme/products/unknown"]) == 1
    assert local.get("k0") and local.get("k2") and local.get("k1") is None
    assert local.drop(["other"]) == 0
    assert local.drop(["acme"]) == 2
    assert len(local) == local.bytes == 0


def test_the_tag_of_everything_drops_everything() -> None:
    local = Local[bytes]()
    local.put(entry("a", "x"))
    local.put(entry("b"))
    assert local.drop([tags.ALL]) == 2
    assert local.bytes == 0


def test_putting_again_replaces_and_re_tags() -> None:
    local = Local[bytes]()
    local.put(entry("k", "old"))
    local.put(entry("k", "new"))
    assert local.drop(["old"]) == 0
    assert local.drop(["new"]) == 1


def test_the_bytes_stay_within_the_budget_and_what_is_used_survives() -> None:
    local = Local[bytes](200_000)
    local.put(entry("loved", "t"))
    for number in range(1000):
        loved = local.get("loved")
        assert loved is not None
        loved.visited = True
        local.put(entry(f"k{number}", "t"))
        assert local.bytes <= 200_000
    assert local.evictions > 800


def test_what_would_push_out_much_else_is_not_kept_nor_is_what_it_replaces() -> None:
    local = Local[bytes](160_000)
    assert local.put(entry("k", size=9_000))
    assert not local.put(entry("k", size=10_001))
    assert local.get("k") is None


class Swelling:
    def __init__(self) -> None:
        self.size = 1_000
        self.grown: Callable[[], None] | None = None

    def swell(self, size: int) -> None:
        self.size = size
        if self.grown is not None:
            self.grown()


def swelling(key: str) -> Entry[Swelling]:
    value = Swelling()
    return Entry(key, value, value.size, ("t", key), lifetime=LIFETIME)


def test_what_grows_is_weighed_again_and_pushes_out_others() -> None:
    local = Local[Swelling](160_000)
    entries = [swelling(f"k{number}") for number in range(60)]
    for one in entries:
        local.put(one)
    for one in entries[:40]:
        one.value.swell(5_000)
        assert local.bytes <= 160_000
    assert 0 < len(local) < 60
    local.drop([tags.ALL])
    assert local.bytes == 0


def test_what_has_gone_weighs_nothing_however_it_grows() -> None:
    local, gone, replaced = Local[Swelling](160_000), swelling("gone"), swelling("k")
    for one in (gone, replaced, swelling("k")):
        local.put(one)
    local.discard("gone")
    before = local.bytes
    gone.value.swell(9_000)
    replaced.value.swell(9_000)
    assert local.bytes == before


def test_what_grows_too_large_is_let_go() -> None:
    local, one = Local[Swelling](160_000), swelling("k")
    local.put(one)
    one.value.swell(10_001)
    assert local.get("k") is None
    assert local.bytes == 0


def test_a_scan_does_not_push_out_what_is_read_again_and_again() -> None:
    local, random = Local[bytes](400_000), Random(1)
    hits = 0
    for number in range(20_000):
        key = f"hot{random.randrange(100)}" if number % 2 else f"scan{number}"
        found = local.get(key)
        if found is None:
            local.put(entry(key, "t"))
        else:
            found.visited = True
            hits += 1
    assert hits > 0.95 * 10_000


def test_any_order_of_changes_leaves_the_books_right() -> None:
    local, random = Local[bytes](60_000), Random(2)
    for _ in range(20_000):
        key, tag = f"k{random.randrange(80)}", f"t{random.randrange(9)}"
        what = random.random()
        if what < 0.6:
            local.put(entry(key, tag, f"own/{key}", size=random.randrange(1500)))
        elif what < 0.8:
            local.drop([tag])
        elif what < 0.9:
            local.discard(key)
        elif (found := local.get(key)) is not None:
            found.visited = True
    local.drop(f"t{number}" for number in range(9))
    assert len(local) == local.bytes == 0


@pytest.mark.parametrize("owners", [1, 100])
def test_the_bytes_counted_are_the_bytes_taken(owners: int) -> None:
    tracemalloc.start()
    try:
        local = Local[bytes](8 << 20)
        for number in range(9_000):
            id, owner = f"{number:026}", f"tenant{number % owners:03}"
            held = tags.of_item(owner, "products", id)
            made = Entry(f"GET /api/v1/products/{id} {owner} json", bytes(600), 633, held, loaded=number * 1.1,
                         refresh_at=number * 1.2, expires=number * 1.3, lifetime=LIFETIME)  # fmt: skip
            local.put(made)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.9 < taken / local.bytes < 1.1


def test_whatever_goes_counts_as_a_removal() -> None:
    local = Local[bytes](3_000)
    local.put(entry("k", "a", size=100))
    assert local.removals == 0
    local.put(entry("k", "a", size=100))
    assert local.removals == 1
    local.drop(["a"])
    assert local.removals == 2
