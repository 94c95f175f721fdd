import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Insert, Query, Replace
from gigaday.errors import ApiError, Fault
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS, NewProduct
from gigaday.ops.importer import Reject, Tally, import_rows, product_id
from gigaday.rules import catalogue, ids, validation

TENANT = "acme"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "gigaday.db")
    await store.prepare([PRODUCTS, MEDIA])
    yield store
    await store.close()


def validate(raw: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Fault]]:
    try:
        return msgspec.to_builtins(validation.convert(raw, NewProduct)), []
    except ApiError as error:
        return None, list(error.errors)


class Importing:
    """Runs imports into one store and keeps what they report. `clock` counts the times asked."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.rejects: list[Reject] = []
        self.progress: list[Tally] = []
        self.clock = 0

    def now(self) -> str:
        self.clock += 1
        return f"2026-11-24T10:00:00.{self.clock % 1000:03d}Z"

    async def run(self, rows: Any, *, update: bool = False, tenant: str = TENANT) -> Tally:
        return await import_rows(
            rows, self.store, tenant, validate=validate, now=self.now, on_progress=self.progress.append,
            on_reject=self.rejects.append, update=update,
        )  # fmt: skip

    async def stored(self, tenant: str = TENANT) -> list[dict[str, Any]]:
        return await self.store.page(PRODUCTS, tenant, Query(limit=100_000))


@pytest.fixture
def importing(store: SqliteStore) -> Importing:
    return Importing(store)


def numbered(rows: list[Any]) -> list[tuple[int, Any]]:
    return list(enumerate(rows, 1))


async def test_rows_become_whole_products(importing):
    tally = await importing.run(numbered([{"name": "Stool", "sku": "1"}]))
    [stored] = await importing.stored()
    assert tally == Tally(read=1, inserted=1)
    assert ids.is_id(stored["_id"])
    assert stored | {"_id": "", "createdAt": "", "updatedAt": ""} == {
        "_id": "", "name": "Stool", "category": None, "description": None, "sku": "1", "status": "active",
        "price": None, "attributes": {}, "mediaIds": [], "createdBy": TENANT, "createdAt": "", "updatedAt": "",
        "version": 1,
    }  # fmt: skip


async def test_a_second_run_changes_nothing(importing):
    rows = numbered(list(catalogue.products(1, 2500)))
    assert await importing.run(rows) == Tally(read=2500, inserted=2500)
    before = await importing.stored()
    assert await importing.run(rows) == Tally(read=2500, unchanged=2500)
    assert await importing.stored() == before


async def test_an_import_that_broke_off_is_completed_without_doubles(importing):
    rows = numbered(list(catalogue.products(1, 5000)))

    def breaking() -> Iterator[tuple[int, Any]]:
        yield from rows[:3500]
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        await importing.run(breaking())
    kept = len(await importing.stored())
    tally = await importing.run(rows)
    assert tally.inserted == 5000 - kept
    assert len({one["sku"] for one in await importing.stored()}) == len(await importing.stored()) == 5000


async def test_a_cancelled_import_keeps_what_it_counted(importing):
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[tuple[int, Any]]:
        for line, row in enumerate(catalogue.products(1, 1_000_000), 1):
            if line > 5000:
                reached.set()
                await asyncio.Event().wait()
            yield line, row

    task = asyncio.create_task(importing.run(endless()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stored = await importing.stored()
    assert len(stored) == importing.progress[-1].inserted > 0
    assert await importing.run(numbered(list(catalogue.products(1, 5000)))) == Tally(
        read=5000, inserted=5000 - len(stored), unchanged=len(stored)
    )


async def test_two_runs_at_once_make_no_doubles(store):
    rows = numbered(list(catalogue.products(1, 3000)))
    one, two = Importing(store), Importing(store)
    first, second = await asyncio.gather(one.run(rows), two.run(rows))
    assert first.inserted + second.inserted == 3000
    assert first.unchanged + second.unchanged == 3000
    assert len(await one.stored()) == 3000


async def test_a_product_that_the_api_made_is_met_by_its_sku(importing):
    made = {"_id": "0" * 26, "name": "Old", "sku": "1", "createdBy": TENANT, "version": 1}
    await importing.store.write(PRODUCTS, TENANT, [Insert(made)])
    assert await importing.run(numbered([{"name": "New", "sku": "1"}])) == Tally(read=1, unchanged=1)
    assert await importing.stored() == [made]


async def test_bad_rows_are_rejected_with_every_reason_and_the_others_get_in(importing):
    rows = [
        {"name": "good", "sku": "1"},
        Fault("", "is not JSON"),
        {"sku": "2", "price": {"amount": -1, "currency": "euro"}},
        [Fault("/price/amount", "is not a number")],
        {"name": "good", "sku": "3"},
    ]
    assert await importing.run(numbered(rows)) == Tally(read=5, inserted=2, rejected=3)
    assert [(one.line, one.sku) for one in importing.rejects] == [(2, None), (3, "2"), (4, None)]
    assert {fault.pointer for fault in importing.rejects[1].errors} == {"/name", "/price/amount", "/price/currency"}


async def test_a_sku_that_stands_twice_is_rejected_the_second_time_however_far_apart(importing):
    rows = [{"name": "first", "sku": "X"}, *catalogue.products(1, 4000), {"name": "second", "sku": "X"}]
    tally = await importing.run(numbered(rows), update=True)
    assert (tally.inserted, tally.updated, tally.rejected) == (4001, 0, 1)
    assert importing.rejects == [Reject(4002, "X", [Fault("/sku", "stands on line 1 already")])]


async def test_rows_without_sku_are_told_apart_by_content(importing):
    rows = numbered([{"name": "a"}, {"name": "b"}, {"name": "a"}])
    assert await importing.run(rows) == Tally(read=3, inserted=2, rejected=1)
    assert importing.rejects[0].errors == [Fault("", "is the same row as line 1")]
    assert await importing.run(rows[:2], update=True) == Tally(read=2, unchanged=2)


async def test_update_changes_what_differs_and_keeps_what_the_row_does_not_name(importing):
    await importing.run(numbered([{"name": "a", "sku": "1", "category": "old"}, {"name": "b", "sku": "2"}]))
    tally = await importing.run(numbered([{"name": "A", "sku": "1"}, {"name": "b", "sku": "2"}]), update=True)
    assert tally == Tally(read=2, updated=1, unchanged=1)
    by_sku = {one["sku"]: one for one in await importing.stored()}
    assert (by_sku["1"]["name"], by_sku["1"]["category"], by_sku["1"]["version"]) == ("A", "old", 2)
    assert by_sku["1"]["updatedAt"] > by_sku["1"]["createdAt"]
    assert by_sku["2"]["version"] == 1


async def test_a_sku_whose_product_was_given_another_is_said_not_doubled(importing):
    await importing.run(numbered([{"name": "a", "sku": "1"}]))
    [stored] = await importing.stored()
    await importing.store.write(PRODUCTS, TENANT, [Replace(stored | {"sku": "2", "version": 2}, 1)])
    assert await importing.run(numbered([{"name": "a", "sku": "1"}])) == Tally(read=1, rejected=1)
    assert importing.rejects[0].errors[0].pointer == "/sku"


async def test_pictures_must_be_the_tenants_own(importing):
    mine, foreign = "1" * 26, "2" * 26
    await importing.store.write(MEDIA, TENANT, [Insert({"_id": mine, "createdBy": TENANT, "version": 1})])
    rows = [{"name": "a", "sku": "1", "mediaIds": [mine]}, {"name": "b", "sku": "2", "mediaIds": [mine, foreign]}]
    assert await importing.run(numbered(rows)) == Tally(read=2, inserted=1, rejected=1)
    assert importing.rejects[0].errors == [Fault("/mediaIds/1", "is not a medium of this tenant")]


async def test_tenants_are_apart(importing):
    await importing.run(numbered([{"name": "a", "sku": "1"}]))
    assert await importing.run(numbered([{"name": "a", "sku": "1"}]), tenant="other") == Tally(read=1, inserted=1)
    assert product_id(TENANT, "sku", "1") != product_id("other", "sku", "1")


async def test_progress_never_goes_back_and_ends_at_the_tally(importing):
    tally = await importing.run(numbered(list(catalogue.products(1, 3000))))
    assert importing.progress[-1] == tally
    assert [one.read for one in importing.progress] == sorted(one.read for one in importing.progress)
