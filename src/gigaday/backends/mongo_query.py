"""A page as MongoDB queries: pure functions from `Query` to filters and sort keys."""

from collections.abc import Iterator
from typing import Any

from gigaday.backends.mongo_documents import stored_value
from gigaday.contracts import Collection, Filter, Query
from gigaday.rules import prefixes


def segments(collection: Collection, owner: str, query: Query) -> Iterator[dict[str, Any]]:
    """The filters whose documents, one after another, are the page.

    Where the page starts after an item: the rest of its ties, then what lies beyond, then the nulls or values that
    `$gt` and `$lt`, which compare within one type, do not reach. Each is one range of an index; the usual `$or` of
    them is planned as a scan of the whole sort order as soon as ties are many.
    """
    terms = [{"createdBy": owner}, *(_term(collection, filter) for filter in query.filters)]
    for start in _ranges(collection, query):
        yield {"$and": [*terms, *([start] if start else [])]}


def sort_keys(query: Query) -> list[tuple[str, int]]:
    """The order of a page."""
    way = -1 if query.descending else 1
    return [("_id", way)] if query.sort == "_id" else [(query.sort, way), ("_id", way)]


def _ranges(collection: Collection, query: Query) -> Iterator[dict[str, Any]]:
    beyond = "$lt" if query.descending else "$gt"
    if query.after is None:
        yield {}
        return
    field = query.sort
    value, id = stored_value(collection, field, query.after[0]), query.after[1]
    if field == "_id":
        yield {"_id": {beyond: id}}
    elif value is None:
        yield {field: {"$eq": None}, "_id": {beyond: id}}
        if not query.descending:
            yield {field: {"$ne": None}}
    else:
        yield {field: {"$eq": value}, "_id": {beyond: id}}
        yield {field: {beyond: value}}
        if query.descending:
            yield {field: {"$eq": None}}


def _term(collection: Collection, filter: Filter) -> dict[str, Any]:
    value = stored_value(collection, filter.field, filter.value)
    match filter.op:
        case "prefix":
            end = prefixes.beyond(value)
            return {filter.field: {"$gte": value, **({"$lt": end} if end else {})}}
        case "in":
            return {filter.field: {"$in": list(value)}}
        case _:
            return {filter.field: {f"${filter.op}": value}}
