"""The SQL that `backends.sqlite` runs. Field paths come from declarations and are checked; values are always bound."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from gigaday.contracts import Collection, Filter, Index, Query
from gigaday.rules import prefixes

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def schema(collection: Collection) -> list[str]:
    """The statements that make a collection's table, indexes and side tables, where missing."""
    table = collection.name
    made = [
        f"CREATE TABLE IF NOT EXISTS {table} (createdBy TEXT NOT NULL, _id TEXT NOT NULL, version INTEGER NOT NULL,"
        " doc TEXT NOT NULL, PRIMARY KEY (createdBy, _id))"
    ]
    if collection.expires:
        column = _column(collection.expires)
        made.append(f"CREATE INDEX IF NOT EXISTS {table}__expires ON {table} ({column})")
    for index in collection.indexes:
        made += _side_table(table, index) if index.array else [_expression_index(table, index)]
    return made


def _expression_index(table: str, index: Index) -> str:
    fields = index.fields if index.fields[0][0] == "createdBy" else (("createdBy", 1), *index.fields)
    name = "_".join(field.replace(".", "_") for field, _ in fields)
    columns = ", ".join(f"{_column(field)} {'ASC' if way > 0 else 'DESC'}" for field, way in fields)
    return f"CREATE INDEX IF NOT EXISTS {table}__{name} ON {table} ({columns})"


def _side_table(table: str, index: Index) -> list[str]:
    side = f"{table}__{_array_field(index)}"
    return [
        f"CREATE TABLE IF NOT EXISTS {side} (createdBy TEXT NOT NULL, value NOT NULL, _id TEXT NOT NULL,"
        " PRIMARY KEY (createdBy, value, _id)) WITHOUT ROWID",
        f"CREATE INDEX IF NOT EXISTS {side}__id ON {side} (createdBy, _id)",
    ]


@lru_cache
def array_fields(collection: Collection) -> tuple[str, ...]:
    """The fields whose elements are kept in side tables."""
    return tuple(_array_field(index) for index in collection.indexes if index.array)


def forget_elements(collection: Collection, field: str) -> str:
    return f"DELETE FROM {collection.name}__{field} WHERE createdBy = ? AND _id = ?"


def note_element(collection: Collection, field: str) -> str:
    return f"INSERT OR IGNORE INTO {collection.name}__{field} VALUES (?, ?, ?)"


@lru_cache
def get(collection: Collection) -> str:
    return f"SELECT doc FROM {collection.name} WHERE createdBy = ? AND _id = ?"


def get_many(collection: Collection) -> str:
    return f"SELECT doc FROM {collection.name} WHERE createdBy = ? AND _id IN (SELECT value FROM json_each(?))"


def insert(collection: Collection) -> str:
    return f"INSERT INTO {collection.name} VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


def replace(collection: Collection) -> str:
    return f"UPDATE {collection.name} SET version = ?, doc = ? WHERE createdBy = ? AND _id = ? AND version = ?"


def delete(collection: Collection) -> str:
    return f"DELETE FROM {collection.name} WHERE createdBy = ? AND _id = ? AND version = coalesce(?, version)"


def delete_expired(collection: Collection) -> str:
    return f"DELETE FROM {collection.name} WHERE {_column(str(collection.expires))} < ?"


def page_segments(collection: Collection, owner: str, query: Query) -> Iterator[tuple[str, list[Any]]]:
    """The statements whose rows, one after another, are the page; each still lacks its LIMIT value.

    After a value come its other ids, then the greater values, then (descending) the nulls: each a range that SQLite
    seeks in the index. A row value would say the first two at once, but over an expression it walks from the start.
    """
    terms, values = ["createdBy = ?"], [owner]
    for filter in query.filters:
        term, bound = _term(collection, filter, filter.field in array_fields(collection))
        terms.append(term)
        values += bound
    column, way = _column(query.sort), "DESC" if query.descending else "ASC"
    for term, bound in _ranges(column, query):
        # Among nulls, equals and by id, `_id` alone is the order: told so, SQLite walks the index and does not sort.
        by_id = query.sort == "_id" or term.startswith((f"{column} IS NULL", f"{column} = ?"))
        order = f"_id {way}" if by_id else f"{column} {way}, _id {way}"
        where = " AND ".join([*terms, *([term] if term else [])])
        yield f"SELECT doc FROM {collection.name} WHERE {where} ORDER BY {order} LIMIT ?", [*values, *bound]


def _ranges(column: str, query: Query) -> Iterator[tuple[str, list[Any]]]:
    sign = "<" if query.descending else ">"
    if query.after is None:
        yield "", []
        return
    value, id = query.after
    if column == "_id":
        yield f"_id {sign} ?", [id]
    elif value is None:
        yield f"{column} IS NULL AND _id {sign} ?", [id]
        if not query.descending:
            yield f"{column} IS NOT NULL", []
    else:
        yield f"{column} = ? AND _id {sign} ?", [value, id]
        yield f"{column} {sign} ?", [value]
        if query.descending:
            yield f"{column} IS NULL", []


def _term(collection: Collection, filter: Filter, is_array: bool) -> tuple[str, list[Any]]:
    if is_array:
        side = f"{collection.name}__{filter.field}"
        return f"_id IN (SELECT _id FROM {side} WHERE createdBy = {collection.name}.createdBy AND value = ?)", [
            filter.value
        ]
    column = _column(filter.field)
    match filter.op:
        case "eq":
            return f"{column} IS ?", [filter.value]
        case "ne":
            return f"{column} IS NOT ?", [filter.value]
        case "in":
            return f"{column} IN (SELECT value FROM json_each(?))", [msgspec.json.encode(filter.value).decode()]
        case "prefix":
            end = prefixes.beyond(filter.value)
            below = f" AND {column} < ?" if end else ""
            return f"{column} >= ?{below}", [filter.value, *([end] if end else [])]
        case _:
            return f"{column} {_COMPARE[filter.op]} ?", [filter.value]


def _array_field(index: Index) -> str:
    return next(field for field, _ in index.fields if field != "createdBy")


@lru_cache
def _column(field: str) -> str:
    if field in ("_id", "createdBy", "version"):
        return field
    return f"json_extract(doc, '{_json(field)}')"


def _json(field: str) -> str:
    if not _PATH.fullmatch(field):
        raise ValueError(f"not a field path: {field!r}")
    return "$." + field
