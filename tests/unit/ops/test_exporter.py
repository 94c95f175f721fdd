import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Collection, Insert
from gigaday.ops.exporter import export
from gigaday.rules import ids

THINGS = Collection("things")
FIELDS = ("_id", "name", "price", "attributes")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "gigaday.db")
    await store.prepare([THINGS])
    yield store
    await store.close()


def thing(number: int, name: str = "thing") -> dict[str, Any]:
    price = {"amount": number, "currency": "EUR"}
    rest = {"attributes": {"n": number}, "secret": "key", "createdBy": "acme", "version": 1}
    return {"_id": ids.encode(number), "name": name, "price": price, **rest}


async def exported(store: SqliteStore, format: str, tenant: str = "acme") -> tuple[bytes, list[int]]:
    counts: list[int] = []
    chunks = [chunk async for chunk in export(store, THINGS, tenant, FIELDS, format, on_rows=counts.append)]
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    return b"".join(chunks), counts


async def test_json_lines_hold_every_document_once_in_order_with_the_public_fields_alone(store):
    await store.write(THINGS, "acme", [Insert(thing(number)) for number in range(2500)])
    text, counts = await exported(store, "jsonl")
    rows = [msgspec.json.decode(line) for line in text.splitlines()]
    assert [row["_id"] for row in rows] == [ids.encode(number) for number in range(2500)]
    assert set(rows[0]) == set(FIELDS)
    assert sum(counts) == 2500


async def test_csv_has_one_header_and_no_cell_that_runs_as_a_formula(store):
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", 'quote " and, comma', "two\nlines"]
    await store.write(THINGS, "acme", [Insert(thing(number, name)) for number, name in enumerate(names)])
    text, _ = await exported(store, "csv")
    header, *rows = csv.reader(io.StringIO(text.decode(), newline=""))
    assert header == ["_id", "name", "price.amount", "price.currency", "attributes"]
    assert [row[1] for row in rows] == ["'" + name for name in names[:4]] + names[4:]
    assert rows[0][2:] == ["0", "EUR", '{"n":0}']


async def test_an_empty_catalogue_is_an_empty_file_or_a_header(store):
    assert await exported(store, "jsonl") == (b"", [])
    assert (await exported(store, "csv"))[0] == b"_id,name,price.amount,price.currency,attributes\r\n"


async def test_a_page_that_is_just_full_is_not_followed_by_doubles(store):
    await store.write(THINGS, "acme", [Insert(thing(number)) for number in range(1000)])
    assert (await exported(store, "jsonl"))[1] == [1000]


async def test_other_tenants_are_not_in_it(store):
    await store.write(THINGS, "other", [Insert(thing(1) | {"createdBy": "other"})])
    assert await exported(store, "jsonl") == (b"", [])
