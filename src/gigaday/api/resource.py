"""The operations that follow from a resource's declaration."""

from typing import Any

import msgspec

from gigaday.api.batch import Batch, BatchRequest, BatchResult
from gigaday.api.declaration import Origin, Resource
from gigaday.api.export import Export
from gigaday.api.operation import MERGE_TYPES, Cached, Handler, Operation, Parameter
from gigaday.api.reading import Reading
from gigaday.api.writing import Writing
from gigaday.rules.listing import MAX_LIMIT, OPERATORS, Kind, Listable


def operations(resource: Resource, origin: Origin) -> list[Operation]:
    """Everything a resource answers: list, create, read, patch, put, delete, batch, export."""
    return [
        *reading_operations(resource, origin),
        *creating_operations(resource, origin),
        *item_writing_operations(resource, origin),
        *bulk_operations(resource, origin),
    ]


def reading_operations(resource: Resource, origin: Origin) -> list[Operation]:
    """List and read."""
    reading = Reading(resource, origin)
    one, many = resource.singular, resource.name
    cached = Cached(resource.collection.name, resource.cache_seconds) if resource.cache_seconds else None
    return [
        _operation(resource, "GET", "", f"list_{many}", f"List {many}, a page at a time", reading.list,
                   cost=resource.list_cost, cached=cached, answer=("page", resource.answer), errors=(304,),
                   parameters=list_parameters(resource.listable)),
        _operation(resource, "GET", "/{id}", f"read_{one}", f"Read a {one}", reading.read, cached=cached,
                   answer=("part", resource.answer), errors=(304, 404), parameters=(FIELDS,)),
    ]  # fmt: skip


def creating_operations(resource: Resource, origin: Origin) -> list[Operation]:
    """Create."""
    one = resource.singular
    writing = Writing(resource, origin)
    return [
        _operation(resource, "POST", "", f"create_{one}", f"Create a {one}", writing.create, success=201,
                   body=resource.create, example=resource.example, answer=resource.answer),
    ]  # fmt: skip


def item_writing_operations(
    resource: Resource, origin: Origin, *, put: bool = True, delete: Handler | None = None
) -> list[Operation]:
    """Patch, put and delete; `delete` stands in for the plain one."""
    writing = Writing(resource, origin)
    one, answer = resource.singular, resource.answer
    made = [
        _operation(resource, "PATCH", "/{id}", f"change_{one}", f"Change some fields of a {one}", writing.patch,
                   body=resource.patch, body_types=MERGE_TYPES, example=_first(resource.example), answer=answer,
                   errors=(404, 409, 412), parameters=(IF_MATCH,)),
        _operation(resource, "DELETE", "/{id}", f"delete_{one}", f"Delete a {one}", delete or writing.delete,
                   success=204, errors=(404, 409, 412), parameters=(IF_MATCH,)),
    ]  # fmt: skip
    if put:
        made.append(
            _operation(resource, "PUT", "/{id}", f"replace_{one}", f"Replace a {one}", writing.put,
                       body=resource.create, example=resource.example, answer=answer,
                       errors=(404, 412, 428), parameters=(msgspec.structs.replace(IF_MATCH, required=True),))
        )  # fmt: skip
    return made


def bulk_operations(resource: Resource, origin: Origin) -> list[Operation]:
    """Batch and export."""
    one, many = resource.singular, resource.name
    rows = {"rows": [{"op": "create", "body": resource.example}]}
    return [
        _operation(resource, "POST", "/batch", f"batch_{many}", f"Create, change and delete up to 1,000 {many}",
                   Batch(resource, origin).run, cost=10 * resource.write_cost, body=BatchRequest, example=rows,
                   answer=BatchResult, body_cap=origin.batch_bytes),
        _operation(resource, "GET", "/export", f"export_{many}", f"Stream every {one}",
                   Export(resource, origin).run, cost=resource.export_cost, streams=True,
                   answer_types=("application/x-ndjson", "text/csv"), parameters=(FORMAT,)),
    ]  # fmt: skip


def _operation(resource: Resource, method: str, path: str, name: str, summary: str, handle: Handler,
               **more: Any) -> Operation:  # fmt: skip
    writes = method != "GET"
    more.setdefault("cost", resource.write_cost if writes else 1)
    scope = f"{resource.name}:{'write' if writes else 'read'}"
    return Operation(method, resource.path + path, name, summary, handle, scope, resource.name,
                     idempotent=writes, **more)  # fmt: skip


def _first(example: dict[str, Any]) -> dict[str, Any]:
    return dict([next(iter(example.items()))])


FIELDS = Parameter("fields", {"type": "string"}, "Fields to answer, separated by commas.")
FORMAT = Parameter("format", {"enum": ["jsonl", "csv"]}, "JSON lines (the default) or CSV.")
IF_MATCH = Parameter("If-Match", {"type": "string"}, "The ETag that must still be current.", "header")
_SCHEMAS: dict[Kind, dict[str, Any]] = {
    "text": {"type": "string"},
    "array": {"type": "string"},
    "integer": {"type": "integer"},
    "time": {"type": "string", "format": "date-time"},
}


def list_parameters(listable: Listable) -> tuple[Parameter, ...]:
    """What a list's query string may hold."""
    sorts = [sign + name for name in listable.sorts for sign in ("", "-")]
    filters = [
        Parameter(
            field if operator == "eq" else f"{field}[{operator}]",
            {"type": "string"} if operator == "in" else _SCHEMAS[kind],
        )
        for field, kind in listable.filters.items()
        for operator in OPERATORS[kind]
    ]
    return (
        Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20},
                  "A page has so many at most, and fewer where they are large; `next` tells whether there are more."),
        Parameter("cursor", {"type": "string"}, "`next` of the page before."),
        Parameter("sort", {"enum": sorts}, "Descending with - before it."),
        FIELDS,
        *filters,
    )  # fmt: skip
