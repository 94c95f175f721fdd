"""Many writes in one request, each with a result of its own."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call
from gigaday.api.reading import json_response
from gigaday.api.writing import Writing, json_body
from gigaday.contracts import ID_PATTERN, Delete, Document, Insert, Replace, Write
from gigaday.errors import Fault, Invalid
from gigaday.rules import ids, validation

MAX_ROWS = 1000
_STATUS = {"applied": 200, "exists": 409, "stale": 409, "missing": 404}
_CODES = {404: "not_found", 409: "conflict", 412: "precondition_failed", 422: "invalid"}


class BatchRow(msgspec.Struct, forbid_unknown_fields=True):
    """`create` needs `body`; `update` needs `id` and `body` (as for PATCH); `delete` needs `id`. `version` guards."""

    op: Literal["create", "update", "delete"]
    id: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)] | None = None
    version: Annotated[int, msgspec.Meta(ge=1)] | None = None
    body: dict[str, Any] | None = None


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    rows: Annotated[list[BatchRow], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


class RowResult(msgspec.Struct, omit_defaults=True):
    """`status` is what the single request would have answered."""

    status: int
    id: str | None = None
    version: int | None = None
    code: str | None = None
    errors: list[Fault] | None = None


class BatchResult(msgspec.Struct):
    """A result per row, in order."""

    results: list[RowResult]


class Batch:
    """`POST /batch` of a resource: one query for what the rows name, one write of what they ask."""

    def __init__(self, resource: Resource, origin: Origin) -> None:
        self._resource, self._origin = resource, origin
        self._writing = Writing(resource, origin)

    async def run(self, call: Call) -> Response:
        """Rows fail alone; the answer is 200 whatever they did."""
        sent = await json_body(call, BatchRequest)
        rows = [msgspec.convert(row, BatchRow) for row in sent["rows"]]
        tenant = call.principal.tenant
        named = [row.id for row in rows if row.id is not None]
        known = await self._origin.documents.get_many(self._resource.collection, tenant, named) if named else {}
        plans = [self._plan(tenant, row, self._new_id(call, at), known) for at, row in enumerate(rows)]
        plans = self._once_each(plans)
        await self._check_references(tenant, plans)
        results = await self._apply(tenant, plans)
        return json_response(msgspec.to_builtins(BatchResult(results)))

    def _new_id(self, call: Call, at: int) -> str:
        """Ids that a retry of the whole batch makes again: the call's own, counted up in its random part."""
        number = 0
        for letter in call.new_id:
            number = number * 32 + ids.ALPHABET.index(letter)
        return ids.encode(number + at)

    def _plan(self, tenant: str, row: BatchRow, new_id: str, known: dict[str, Document]) -> Write | RowResult:
        if missing := [name for name in _needs(row) if getattr(row, name) is None]:
            return _refused(422, row.id, [Fault(f"/{name}", f"is required to {row.op}") for name in missing])
        if row.op == "create":
            return self._converted(row, lambda fields: Insert(self._writing.new(tenant, new_id, fields)))
        document = known.get(str(row.id))
        if document is None:
            return _refused(404, row.id)
        if row.version not in (None, document["version"]):
            return _refused(412, row.id)
        if row.op == "delete":
            return Delete(document["_id"], row.version)
        return self._converted(
            row, lambda fields: Replace(self._writing.changed(document, fields), document["version"])
        )

    def _converted(self, row: BatchRow, make: Any) -> Write | RowResult:
        kind = self._resource.create if row.op == "create" else self._resource.patch
        try:
            fields = msgspec.to_builtins(validation.convert(row.body, kind))
        except Invalid as error:
            return _refused(422, row.id, [Fault("/body" + f.pointer, f.detail) for f in error.errors])
        write: Write = make(fields)
        return write

    def _once_each(self, plans: list[Write | RowResult]) -> list[Write | RowResult]:
        """Rows of one batch are unordered, so that a second one for the same item cannot be honoured."""
        seen: set[str] = set()
        for at, plan in enumerate(plans):
            if isinstance(plan, RowResult):
                continue
            if (id := _id(plan)) in seen:
                plans[at] = _refused(409, id, [Fault("/id", "is named by an earlier row of this batch")])
            seen.add(id)
        return plans

    async def _check_references(self, tenant: str, plans: list[Write | RowResult]) -> None:
        for field, collection in self._resource.references.items():
            wanted = {id for plan in plans if isinstance(plan, Insert | Replace) for id in plan.document[field]}
            known = await self._origin.documents.get_many(collection, tenant, list(wanted)) if wanted else {}
            for at, plan in enumerate(plans):
                if isinstance(plan, Insert | Replace) and any(id not in known for id in plan.document[field]):
                    fault = Fault(f"/body/{field}", f"names no item of {collection.name}")
                    plans[at] = _refused(422, _id(plan) if isinstance(plan, Replace) else None, [fault])

    async def _apply(self, tenant: str, plans: list[Write | RowResult]) -> list[RowResult]:
        writes = [plan for plan in plans if not isinstance(plan, RowResult)]
        outcomes = iter(await self._origin.documents.write(self._resource.collection, tenant, writes) if writes else [])
        return [plan if isinstance(plan, RowResult) else _result(plan, next(outcomes)) for plan in plans]


def _needs(row: BatchRow) -> tuple[str, ...]:
    return {"create": ("body",), "update": ("id", "body"), "delete": ("id",)}[row.op]


def _id(write: Write) -> str:
    return write.id if isinstance(write, Delete) else write.document["_id"]


def _refused(status: int, id: str | None, faults: list[Fault] | None = None) -> RowResult:
    return RowResult(status, id, code=_CODES[status], errors=faults)


def _result(write: Write, outcome: str) -> RowResult:
    status = _STATUS[outcome]
    # The same insert again is a retry of this batch: the ids are the call's own.
    if isinstance(write, Insert) and outcome in ("applied", "exists"):
        return RowResult(201, _id(write), 1)
    if status != 200:
        return _refused(status, _id(write))
    if isinstance(write, Delete):
        return RowResult(204, write.id)
    return RowResult(200, _id(write), write.document["version"])
