import sqlite3

import pytest

from gigaday.backends import sqlite_sql as sql
from gigaday.contracts import Filter, Query
from gigaday.model.product import PRODUCTS


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:")
    for statement in sql.schema(PRODUCTS):
        connection.execute(statement)
    return connection


QUESTIONS = [
    Query(),
    Query(sort="createdAt", descending=True, after=("2026", "id")),
    Query(sort="name", after=("a", "id")),
    Query(sort="price.amount", after=(3, "id")),
    Query(filters=(Filter("category", "eq", "bar"),)),
    Query(filters=(Filter("sku", "in", ["a", "b"]),)),
    Query(filters=(Filter("mediaIds", "eq", "m"),)),
]


@pytest.mark.parametrize("query", QUESTIONS, ids=str)
def test_every_page_is_found_by_an_index_and_none_is_sorted(connection, query):
    for statement, values in sql.page_segments(PRODUCTS, "acme", query):
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, (*values, 10))]
        assert not any(step.startswith(f"SCAN {PRODUCTS.name}") for step in plan), plan
        if not query.filters:
            assert not any("TEMP B-TREE" in step for step in plan), plan
        if query.after and " IS NOT NULL" not in statement:
            # Two bounds at least: the tenant alone would be walked from its first entry.
            assert plan[0].count("?") + plan[0].count("=NULL") >= 2, plan


def test_making_the_schema_again_changes_nothing(connection):
    before = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    for statement in sql.schema(PRODUCTS):
        connection.execute(statement)
    assert connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before


@pytest.mark.parametrize("field", ["a'b", "a b", "", "a..b", "a) --", "$where"])
def test_a_field_that_is_no_path_never_reaches_the_database(field):
    with pytest.raises(ValueError, match="not a field path"):
        list(sql.page_segments(PRODUCTS, "acme", Query(sort=field)))
