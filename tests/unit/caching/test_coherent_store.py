"""Tests of `caching.coherent_store`."""

import asyncio
from collections.abc import Sequence

import pytest

from gigaday.caching.coherent_store import CoherentStore
from gigaday.contracts import Collection, Delete, Insert, Outcome, Replace, Write
from gigaday.errors import BackendDown
from tests.simulation.virtual import run

PRODUCTS = Collection("products")


class Store:
    """The writes of a document store."""

    def __init__(self, outcomes: Sequence[Outcome] = ()) -> None:
        self.outcomes, self.down, self.seconds = list(outcomes), False, 0.01
        self.written = 0

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        await asyncio.sleep(self.seconds)
        if self.down:
            raise BackendDown("no answer")
        self.written += 1
        return self.outcomes

    async def close(self) -> None: ...


class Invalidated:
    """Gathers tags, when they were told, and what had been written by then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: list[tuple[set[str], int]] = []

    async def __call__(self, tags: Sequence[str]) -> str:
        self.calls.append((set(tags), self._store.written))
        return f"n1.{len(self.calls)}"


def test_what_was_applied_is_invalidated_after_it_was_written_and_nothing_else() -> None:
    async def story() -> None:
        store, receipts = Store(["applied", "stale", "applied"]), list[object]()
        told = Invalidated(store)
        coherent = CoherentStore(store, told, receipts.append)
        writes = [Insert({"_id": "a"}), Replace({"_id": "b"}, 1), Delete("c")]
        assert await coherent.write(PRODUCTS, "acme", writes) == ["applied", "stale", "applied"]
        assert told.calls == [({"acme/products/a", "acme/products/c", "acme/products/"}, 1)]
        assert receipts == ["n1.1"]

    run(story())


def test_a_write_without_effect_invalidates_nothing() -> None:
    async def story() -> None:
        store = Store(["missing"])
        told = Invalidated(store)
        await CoherentStore(store, told).write(PRODUCTS, "acme", [Delete("c")])
        assert told.calls == []

    run(story())


def test_a_write_of_unknown_outcome_invalidates_at_once_and_when_it_must_be_over() -> None:
    async def story() -> None:
        store = Store()
        store.down = True
        told = Invalidated(store)
        coherent = CoherentStore(store, told)
        with pytest.raises(BackendDown):
            await coherent.write(PRODUCTS, "acme", [Delete("c")])
        assert len(told.calls) == 1
        await asyncio.sleep(6)
        assert told.calls == [({"acme/products/c", "acme/products/"}, 0)] * 2
        await coherent.close()

    run(story())


def test_a_writer_that_goes_away_leaves_nothing_old_behind() -> None:
    async def story() -> None:
        store = Store(["applied"])
        told = Invalidated(store)
        going = asyncio.create_task(CoherentStore(store, told).write(PRODUCTS, "acme", [Delete("c")]))
        await asyncio.sleep(0.001)
        going.cancel()
        await asyncio.sleep(0.1)
        assert len(told.calls) == 1 and going.cancelled()

    run(story())
