"""What every DocumentStore guarantees, over every back end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gigaday.backends.mongo import MongoStore
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Collection, Delete, Document, DocumentStore, Filter, Index, Insert, Query, Replace

OWNER = "acme"


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.live)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened: DocumentStore
    if request.param == "sqlite":
        opened = SqliteStore.open(tmp_path / "documents.sqlite")
    else:
        opened = MongoStore.open(request.getfixturevalue("replica_set").uri, min_pool=2, wait_ms=2_000)
    yield opened
    await opened.close()


@pytest.fixture
async def items(store: DocumentStore) -> Collection:
    """An empty collection of the test's own."""
    collection = Collection(
        f"items_{uuid4().hex}",
        indexes=(
            Index((("createdBy", 1), ("price.amount", 1), ("_id", 1))),
            Index((("createdBy", 1), ("name", 1), ("_id", 1))),
            Index((("createdBy", 1), ("tags", 1)), array=True),
        ),
    )
    await store.prepare([collection])
    return collection


def item(id: str, owner: str = OWNER, version: int = 1, **fields: Any) -> Document:
    return {"_id": id, "createdBy": owner, "version": version, **fields}


async def fill(store: DocumentStore, items: Collection, *documents: Document) -> None:
    for owner in {document["createdBy"] for document in documents}:
        own = [Insert(document) for document in documents if document["createdBy"] == owner]
        assert set(await store.write(items, owner, own)) == {"applied"}


async def ids(store: DocumentStore, items: Collection, *filters: Filter, **query: Any) -> list[str]:
    return [found["_id"] for found in await store.page(items, OWNER, Query(filters=filters, **query))]


async def walk(store: DocumentStore, items: Collection, sort: str, descending: bool, limit: int) -> list[str]:
    """Every id, page by page."""
    seen: list[str] = []
    after = None
    while found := await store.page(items, OWNER, Query(sort=sort, descending=descending, after=after, limit=limit)):
        seen += [document["_id"] for document in found]
        after = (_at(found[-1], sort), found[-1]["_id"])
    return seen


def _at(document: Document, path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = (value or {}).get(key)
    return value


async def test_a_document_comes_back_as_it_was_written(store: DocumentStore, items: Collection) -> None:
    fields = {"text": "ü\U0001f600", "big": 10**15, "float": 1.5, "yes": True, "none": None, "list": [1, {"a": []}]}
    await fill(store, items, item("a", deep={"er": fields}))
    found = await store.get(items, OWNER, "a")
    assert found == item("a", deep={"er": fields})
    assert type(found["deep"]["er"]["big"]) is int


async def test_a_document_that_is_not_there_is_none(store: DocumentStore, items: Collection) -> None:
    assert await store.get(items, OWNER, "nope") is None


async def test_get_many_returns_those_that_exist_by_id(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a"), item("b"))
    assert await store.get_many(items, OWNER, ["b", "a", "c"]) == {"a": item("a"), "b": item("b")}
    assert await store.get_many(items, OWNER, []) == {}


SHOP = (
    item("a", name="anvil", price={"amount": 10}, tags=["heavy", "iron"]),
    item("b", name="anchor", price={"amount": 20}, tags=["iron"]),
    item("c", name="bell", price=None, tags=[]),
    item("d", name="an\U0001f600", price={"amount": 30}),
    item("e", price={"amount": 20}),
)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Filter("name", "eq", "bell"), "c"),
        (Filter("name", "eq", None), "e"),
        (Filter("name", "ne", "bell"), "abde"),
        (Filter("name", "ne", None), "abcd"),
        (Filter("name", "in", ["bell", "anvil", "none"]), "ac"),
        (Filter("name", "prefix", "an"), "abd"),
        (Filter("name", "prefix", "anv"), "a"),
        (Filter("price.amount", "eq", 20), "be"),
        (Filter("price.amount", "eq", None), "c"),
        (Filter("price.amount", "gt", 20), "d"),
        (Filter("price.amount", "gte", 20), "bde"),
        (Filter("price.amount", "lt", 20), "a"),
        (Filter("price.amount", "lte", 20), "abe"),
        (Filter("tags", "eq", "iron"), "ab"),
        (Filter("tags", "eq", "heavy"), "a"),
    ],
    ids=lambda value: (
        f"{value.field}-{value.op}-{value.value!r}" if isinstance(value, Filter) else value.encode().hex()
    ),
)
async def test_a_filter_selects(store: DocumentStore, items: Collection, filter: Filter, expected: str) -> None:
    await fill(store, items, *SHOP)
    assert await ids(store, items, filter) == list(expected)


async def test_a_prefix_is_text_not_a_pattern(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a", name="a.b%_*"), item("b", name="axb"))
    assert await ids(store, items, Filter("name", "prefix", "a.b%_")) == ["a"]


async def test_a_prefix_goes_on_to_the_last_character_there_is(store: DocumentStore, items: Collection) -> None:
    last = "\U0010ffff"
    await fill(store, items, item("a", name=f"x{last}y"), item("b", name=f"x{last}"), item("c", name="y"))
    await fill(store, items, item("d", name=last * 3), item("e", name=7))
    assert await ids(store, items, Filter("name", "prefix", "x")) == ["a", "b"]
    assert await ids(store, items, Filter("name", "prefix", f"x{last}")) == ["a", "b"]
    assert await ids(store, items, Filter("name", "prefix", last)) == ["d"]


async def test_filters_combine_even_on_one_field(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, *SHOP)
    between = (Filter("price.amount", "gte", 20), Filter("price.amount", "lt", 30))
    assert await ids(store, items, *between) == ["b", "e"]
    assert await ids(store, items, *between, Filter("name", "prefix", "an")) == ["b"]


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
async def test_null_and_missing_sort_first_with_ties_by_id(
    store: DocumentStore, items: Collection, descending: bool
) -> None:
    await fill(
        store, items, item("a", price={"amount": 2}), item("b"), item("c", price=None), item("d", price={"amount": 2})
    )
    expected = ["b", "c", "a", "d"]
    found = await ids(store, items, sort="price.amount", descending=descending)
    assert found == (expected[::-1] if descending else expected)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("sort", ["_id", "price.amount", "name"])
async def test_stepping_through_pages_neither_repeats_nor_misses(
    store: DocumentStore, items: Collection, sort: str, descending: bool, limit: int
) -> None:
    documents = [item(f"{n:02}", price={"amount": n // 3} if n % 4 else None) for n in range(30)]
    for number, document in enumerate(documents):
        if number % 3:
            document["name"] = f"n{number % 5}" if number % 7 else None
    await fill(store, items, *documents)
    expected = sorted(
        documents, key=lambda one: (_at(one, sort) is not None, _at(one, sort) or 0, one["_id"]), reverse=descending
    )
    assert await walk(store, items, sort, descending, limit) == [one["_id"] for one in expected]


async def test_a_page_after_an_item_still_filters(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, *SHOP)
    query = Query((Filter("name", "prefix", "an"),), sort="price.amount", descending=True, after=(20, "b"), limit=5)
    assert [found["_id"] for found in await store.page(items, OWNER, query)] == ["a"]


async def test_an_insert_of_an_existing_id_changes_nothing(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a", name="first"))
    outcomes = await store.write(items, OWNER, [Insert(item("b")), Insert(item("a", name="second")), Insert(item("c"))])
    assert outcomes == ["applied", "exists", "applied"]
    assert (await store.get(items, OWNER, "a") or {})["name"] == "first"


async def test_each_write_has_its_own_outcome_in_order(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a"), item("b"), item("c"), item("d"))
    outcomes = await store.write(
        items,
        OWNER,
        [
            Delete("x"),
            Replace(item("a", version=2), expected=1),
            Insert(item("e")),
            Replace(item("b", version=8), expected=7),
            Delete("c", expected=1),
            Delete("d", expected=9),
            Replace(item("y"), expected=1),
        ],
    )
    assert outcomes == ["missing", "applied", "applied", "stale", "applied", "stale", "missing"]
    assert await ids(store, items) == ["a", "b", "d", "e"]
    assert await store.get(items, OWNER, "a") == item("a", version=2)


async def test_a_delete_without_a_version_always_applies(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a", version=5))
    assert await store.write(items, OWNER, [Delete("a")]) == ["applied"]
    assert await store.get(items, OWNER, "a") is None


async def test_a_replace_drops_the_fields_it_lacks(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a", name="old", tags=["x"]))
    await store.write(items, OWNER, [Replace(item("a", version=2, tags=["y"]), expected=1)])
    assert await store.get(items, OWNER, "a") == item("a", version=2, tags=["y"])
    assert await ids(store, items, Filter("tags", "eq", "x")) == []
    assert await ids(store, items, Filter("tags", "eq", "y")) == ["a"]


async def test_of_twenty_replaces_of_one_version_one_wins(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a"))
    replaces = [Replace(item("a", version=2, by=n), expected=1) for n in range(20)]
    outcomes = await asyncio.gather(*(store.write(items, OWNER, [replace]) for replace in replaces))
    assert sorted(outcomes) == [["applied"], *[["stale"]] * 19]
    assert await store.get(items, OWNER, "a") == item("a", version=2, by=outcomes.index(["applied"]))


async def test_an_owner_neither_sees_nor_changes_what_is_anothers(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a", tags=["t"]), item("b", owner="other", tags=["t"]))
    assert await store.get(items, OWNER, "b") is None
    assert await store.get_many(items, OWNER, ["a", "b"]) == {"a": item("a", tags=["t"])}
    assert await ids(store, items, Filter("tags", "eq", "t")) == ["a"]
    assert await store.write(items, OWNER, [Replace(item("b", version=2), expected=1)]) == ["missing"]
    assert await store.write(items, OWNER, [Delete("b")]) == ["missing"]
    assert await store.get(items, "other", "b") == item("b", owner="other", tags=["t"])


async def test_a_filter_on_the_owner_does_not_widen_a_page(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, item("a"), item("b", owner="other"))
    assert await ids(store, items, Filter("createdBy", "eq", "other")) == []


async def test_an_empty_owner_is_refused(store: DocumentStore, items: Collection) -> None:
    for call in (
        store.get(items, "", "a"),
        store.get_many(items, "", ["a"]),
        store.page(items, "", Query()),
        store.write(items, "", [Insert(item("a", owner=""))]),
    ):
        with pytest.raises(ValueError, match="owner"):
            await call


@pytest.mark.parametrize("write", [Insert(item("a", owner="other")), Replace(item("a", owner="other"), expected=1)])
async def test_a_document_of_another_owner_is_refused(store: DocumentStore, items: Collection, write: Any) -> None:
    with pytest.raises(ValueError, match="owner"):
        await store.write(items, OWNER, [write])


async def test_a_thousand_inserts_in_one_call(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, *(item(f"{n:04}") for n in range(1000)))
    assert len(await ids(store, items, limit=1000)) == 1000


async def test_expired_documents_go_and_times_stay_text(store: DocumentStore) -> None:
    records = Collection(f"records_{uuid4().hex}", tenanted=False, expires="expiresAt")
    await store.prepare([records])
    soon, late = "2999-01-01T00:00:00.123Z", "2999-01-02T00:00:00.000Z"
    await fill(store, records, item("a", expiresAt=soon), item("b", expiresAt=late), item("c"))
    assert await store.get(records, OWNER, "a") == item("a", expiresAt=soon)
    assert await ids(store, records, Filter("expiresAt", "gt", soon)) == ["b"]
    assert await ids(store, records, sort="expiresAt", after=(soon, "a")) == ["b"]
    removed = await store.delete_expired(records, late)
    left = await ids(store, records)
    # Where the technology expires by itself nothing is removed on request.
    assert (removed, left) in [(1, ["b", "c"]), (0, ["a", "b", "c"])]


async def test_ping_passes_on_a_store_that_works(store: DocumentStore) -> None:
    await store.ping()


async def test_preparing_again_changes_nothing(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, *SHOP)
    await store.prepare([items])
    assert await ids(store, items) == list("abcde")


async def test_a_cancelled_caller_leaves_the_store_usable(store: DocumentStore, items: Collection) -> None:
    await fill(store, items, *SHOP)
    calls = [asyncio.create_task(store.get_many(items, OWNER, ["a", "b"])) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert len(await ids(store, items)) == 5
