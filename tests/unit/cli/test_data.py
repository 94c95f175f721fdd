import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.sqlite import SqliteStore
from gigaday.cli import data
from gigaday.cli.data import ImportJob, UnknownTenant, export_file, outcome
from gigaday.contracts import OPERATOR, Insert, Query
from gigaday.errors import ApiError, BackendDown, Fault
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS, NewProduct
from gigaday.model.tenant import TENANTS
from gigaday.rules import catalogue, validation
from gigaday.rules.mapping import MappingError

RETAILER = Path(__file__).parents[3] / "docs" / "examples" / "retailer.toml"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "gigaday.db")
    await store.prepare([PRODUCTS, MEDIA, TENANTS])
    tenants = [{"_id": id, "createdBy": OPERATOR, "version": 1} for id in ("acme", "other")]
    await store.write(TENANTS, OPERATOR, [Insert(tenant) for tenant in tenants])
    yield store
    await store.close()


def validate(raw: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Fault]]:
    try:
        return msgspec.to_builtins(validation.convert(raw, NewProduct)), []
    except ApiError as error:
        return None, list(error.errors)


async def imported(store: SqliteStore, job: ImportJob) -> tuple[int, int, int, int]:
    await job.run(store, SystemClock(), validate)
    return job.tally.inserted, job.tally.updated, job.tally.unchanged, job.tally.rejected


async def content(store: SqliteStore, tenant: str) -> list[dict[str, Any]]:
    stored = await store.page(PRODUCTS, tenant, Query(sort="sku", limit=1000))
    return [{name: one[name] for name in NewProduct.__struct_encode_fields__} for one in stored]


def lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


async def test_a_retailers_file_comes_in_through_a_mapping_and_its_bad_rows_go_to_a_file(store, tmp_path, capsys):
    row = {"sku": 1, "name": "Keyboard", "price": 44.99, "upc": "012", "category": [{"id": "1", "name": "Keys"}]}
    file = lines(tmp_path / "in.jsonl", [row, row | {"sku": 2, "price": 1.999}, row | {"sku": 3, "price": 5}])
    rejects = tmp_path / "rejects.jsonl"
    assert await imported(store, ImportJob(file, "acme", mapping=RETAILER, rejects=rejects)) == (2, 0, 0, 1)
    assert [(one["sku"], one["price"]["amount"], one["category"]) for one in await content(store, "acme")] == [
        ("1", 4499, "Keys"),
        ("3", 500, "Keys"),
    ]
    [reject] = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (reject["line"], reject["errors"][0]["pointer"]) == (2, "/price/amount")
    assert "line 2 rejected: /price/amount" in capsys.readouterr().err


@pytest.mark.parametrize("format", ["jsonl", "csv"])
async def test_an_export_can_be_imported_into_another_tenant(store, tmp_path, format):
    rows = [*catalogue.products(1, 40), {"name": "=1+1", "sku": "formula", "description": 'two\nlines, "quoted"'}]
    await imported(store, ImportJob(lines(tmp_path / "in.jsonl", rows), "acme"))
    out = tmp_path / f"out.{format}"
    assert await export_file(store, "acme", format, out) == 41
    assert await imported(store, ImportJob(str(out), "other")) == (41, 0, 0, 0)
    assert await content(store, "other") == await content(store, "acme")
    assert await imported(store, ImportJob(str(out), "acme", update=True)) == (0, 0, 41, 0)


async def test_csv_comes_in_and_updates(store, tmp_path):
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["name", "sku", "price.amount", "price.currency"], ["Stool", "1", "4900", "EUR"]])
    assert await imported(store, ImportJob(str(path), "acme")) == (1, 0, 0, 0)
    path.write_text("name;sku\nBar stool;1\n")
    assert await imported(store, ImportJob(str(path), "acme", update=True)) == (0, 1, 0, 0)
    [stool] = await content(store, "acme")
    assert (stool["name"], stool["price"]) == ("Bar stool", {"amount": 4900, "currency": "EUR"})


async def test_a_tenant_that_is_not_there_is_named_and_nothing_is_written(store, tmp_path):
    file = lines(tmp_path / "in.jsonl", [{"name": "a"}])
    with pytest.raises(UnknownTenant, match="gigaday tenants create acmee"):
        await imported(store, ImportJob(file, "acmee"))
    with pytest.raises(UnknownTenant):
        await export_file(store, "acmee", "jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


async def test_an_export_that_breaks_off_leaves_no_file(store, tmp_path):
    await imported(store, ImportJob(lines(tmp_path / "in.jsonl", [{"name": "a"}]), "acme"))
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        await export_file(store, "acme", "jsonl", target)
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


def _raises(error: BaseException) -> Any:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (MappingError(["fields.nme: is not a field"]), 2),
        (FileNotFoundError("no such file"), 2),
        (UnknownTenant("There is no tenant"), 2),
        (BackendDown("refused"), 2),
    ],
)
def test_the_exit_code_tells_how_it_ended(error, code, capsys):
    assert outcome(_raises(error)) == code
    assert code == 130 or str(error) in capsys.readouterr().err


def test_rejected_rows_make_the_exit_code_1_and_an_interrupt_130_with_the_tally(capsys):
    job = ImportJob("x", "acme")
    job.tally = msgspec.structs.replace(job.tally, read=2, inserted=1, rejected=1)
    assert data.ended(lambda: None, job, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["rejected"] == 1
    assert data.ended(_raises(KeyboardInterrupt()), job, as_json=True) == 130
    shown = capsys.readouterr()
    assert json.loads(shown.out)["inserted"] == 1
    assert "run the same command again" in shown.err
