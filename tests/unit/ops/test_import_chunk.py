"""Chunks written to a store that breaks off, half way or with its answer lost."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Collection, Document, Insert, Outcome, Query, Replace, Write
from gigaday.errors import BackendDown
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS
from gigaday.ops.import_chunk import PAUSES, Candidate, ChunkWriter

TENANT = "acme"


class Breaking:
    """A store that fails as told: `breaks` holds, write by write, how many of its writes it applies before it does.
    `reads` is how many reads fail from now on; what is `late` is applied just before the next write."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.breaks: list[int] = []
        self.reads = 0
        self.late: list[Write] = []

    async def write(self, collection: Collection, owner: str, writes: Sequence[Write]) -> list[Outcome]:
        if self.late and not self.breaks:
            await self._store.write(collection, owner, self.late)
            self.late = []
        if not self.breaks:
            return await self._store.write(collection, owner, writes)
        await self._store.write(collection, owner, writes[: self.breaks[0]])
        self.breaks.pop(0)
        raise BackendDown("no answer in time")

    async def page(self, collection: Collection, owner: str, query: Query) -> list[Document]:
        return await self._store.page(collection, owner, query)

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        if self.reads:
            self.reads -= 1
            raise BackendDown("no answer in time")
        return await self._store.get_many(collection, owner, ids)


class Bench:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.breaking = Breaking(store)
        self.slept: list[float] = []

    def writer(self, *, update: bool = False) -> ChunkWriter:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return ChunkWriter(self.breaking, TENANT, update, sleep)

    async def states(self, rows: list[Candidate], *, update: bool = False) -> dict[int, str]:
        return {fate.candidate.line: fate.state for fate in await self.writer(update=update).write(rows)}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = SqliteStore.open(tmp_path / "gigaday.db")
    await store.prepare([PRODUCTS, MEDIA])
    yield Bench(store)
    await store.close()


def row(line: int, at: str = "10", media: tuple[str, ...] = (), sku: str | None = "", **fields: Any) -> Candidate:
    time = f"2026-11-24T{at}:00:00.000Z"
    sku = f"s{line}" if sku == "" else sku
    document = {"name": f"n{line}", "sku": sku, "mediaIds": list(media), **fields}
    made = {"createdBy": TENANT, "createdAt": time, "updatedAt": time, "version": 1}
    return Candidate(line, {"_id": f"{line:026}", **document, **made}, frozenset({"name", "sku", *fields}))


@pytest.mark.parametrize("sku", ["", None], ids=["by sku", "by content"])
@pytest.mark.parametrize("applied", [0, 3, 5])
async def test_what_a_try_without_answer_inserted_counts_as_inserted(bench: Bench, applied: int, sku: str) -> None:
    rows = [row(line, sku=sku) for line in range(5)]
    bench.breaking.breaks = [applied, 1]
    assert await bench.states(rows) == dict.fromkeys(range(5), "inserted")
    assert len(await bench.store.page(PRODUCTS, TENANT, Query())) == 5


async def test_what_was_there_before_stays_unchanged_over_the_tries(bench: Bench) -> None:
    await bench.states([row(line, at="09") for line in range(2)])
    bench.breaking.breaks = [2]
    assert await bench.states([row(line) for line in range(4)]) == {
        0: "unchanged", 1: "unchanged", 2: "inserted", 3: "inserted",
    }  # fmt: skip


@pytest.mark.parametrize("applied", [0, 2, 4])
async def test_what_a_try_without_answer_updated_counts_as_updated(bench: Bench, applied: int) -> None:
    await bench.states([row(line, at="09") for line in range(4)])
    bench.breaking.breaks = [applied]
    changed = [row(line, category="new") for line in range(3)]
    states = await bench.states([*changed, row(3)], update=True)
    assert states == {0: "updated", 1: "updated", 2: "updated", 3: "unchanged"}
    assert [one["version"] for one in await bench.store.page(PRODUCTS, TENANT, Query())] == [2, 2, 2, 1]


async def test_an_update_that_comes_late_from_the_try_before_is_not_taken_for_anothers(bench: Bench) -> None:
    await bench.states([row(0, at="09")])
    [stored] = await bench.store.page(PRODUCTS, TENANT, Query())
    new = row(0, category="new")
    bench.breaking.late = [
        Replace({**stored, "category": "new", "updatedAt": new.document["updatedAt"], "version": 2}, 1)
    ]
    bench.breaking.breaks = [0]
    assert await bench.states([new], update=True) == {0: "updated"}


async def test_an_update_that_someone_else_came_before_is_rejected_on_any_try(bench: Bench) -> None:
    await bench.states([row(0, at="09")])
    [stored] = await bench.store.page(PRODUCTS, TENANT, Query())
    bench.breaking.late = [Replace({**stored, "name": "theirs", "version": 2}, 1)]
    bench.breaking.breaks = [0]
    assert await bench.states([row(0, category="new")], update=True) == {0: "rejected"}


async def test_a_row_is_rejected_once_however_often_the_chunk_is_tried(bench: Bench) -> None:
    bench.breaking.breaks = [0, 0, 0]
    fates = await bench.writer().write([row(0), row(1, media=("m",))])
    assert [(fate.candidate.line, fate.state) for fate in fates] == [(1, "rejected"), (0, "inserted")]


async def test_a_read_that_fails_after_the_inserts_costs_no_count(bench: Bench) -> None:
    await bench.store.write(PRODUCTS, TENANT, [Insert(row(1, sku="other").document)])
    bench.breaking.reads = 1
    assert await bench.states([row(0), row(1)]) == {0: "inserted", 1: "rejected"}


async def test_tries_end_and_say_how_many_they_were(bench: Bench) -> None:
    bench.breaking.breaks = [0] * 100
    with pytest.raises(BackendDown, match=r"no answer in time \(after 6 tries in 16 s\)"):
        await bench.writer().write([row(0)])
    assert bench.slept == list(PAUSES)


async def test_an_import_that_is_given_up_tries_nothing_again(bench: Bench) -> None:
    bench.breaking.breaks = [0]
    writer = bench.writer()
    writer.hurry()
    with pytest.raises(BackendDown):
        await writer.write([row(0)])
    assert bench.slept == []
