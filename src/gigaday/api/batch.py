"""Many writes in one request, each with a result of its own.

The rows' bodies stay unread bytes until each is read alone, so that no row makes more work than the single request
would, and a row that is junk fails alone.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call
from gigaday.api.reading import json_response
from gigaday.api.writing import Writing, body_of_type, off_the_loop, written_by
from gigaday.contracts import ID_PATTERN, Delete, Document, Insert, Replace, Write
from gigaday.errors import ApiError, BadRequest, BodyTooLarge, Fault, Invalid
from gigaday.rules import ids, validation

MAX_ROWS = 1000
MAX_ROW_BYTES = 1 << 20
_STATUS = {"applied": 200, "exists": 409, "stale": 409, "missing": 404}
_CODES = {
    400: "bad_request",
    404: "not_found",
    409: "conflict",
    412: "precondition_failed",
    413: "body_too_large",
    422: "invalid",
}


class BatchRow(msgspec.Struct, forbid_unknown_fields=True):
    """`create` needs `body`; `update` needs `id` and `body` (as for PATCH); `delete` needs `id`. `version` guards."""

    op: Literal["create", "update", "delete"]
    id: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)] | None = None
    # A float: to JSON Schema 2.0 is an integer too.
    version: Annotated[float, msgspec.Meta(ge=1, multiple_of=1)] | None = None
    body: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": ["object", "null"]})] = msgspec.field(
        default_factory=lambda: msgspec.Raw(b"null")
    )


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
        body = await body_of_type(call)
        rows = await off_the_loop(len(body), _rows, body)
        tenant = call.principal.tenant
        named = [row.id for row in rows if row.id is not None]
        known = await self._origin.documents.get_many(self._resource.collection, tenant, named) if named else {}
        plans = await off_the_loop(len(body), self._plans, call, rows, known)
        plans = self._once_each(plans)
        await self._check_references(tenant, plans)
        results = await self._apply(tenant, plans)
        return json_response(msgspec.to_builtins(BatchResult(_thinned(results))))

    def _plans(self, call: Call, rows: list[BatchRow], known: dict[str, Document]) -> list[Write | RowResult]:
        return [self._plan(call, row, self._new_id(call, at), known) for at, row in enumerate(rows)]

    def _new_id(self, call: Call, at: int) -> str:
        """Ids that a retry of the whole batch makes again: the call's own, counted up in its random part."""
        number = 0
        for letter in call.new_id:
            number = number * 32 + ids.ALPHABET.index(letter)
        return ids.encode(number + at)

    def _plan(self, call: Call, row: BatchRow, new_id: str, known: dict[str, Document]) -> Write | RowResult:
        if missing := [name for name in _needs(row) if _lacks(row, name)]:
            return _refused(422, row.id, [Fault(f"/{name}", f"is required to {row.op}") for name in missing])
        if row.op == "create":
            return self._converted(row, lambda fields: Insert(self._writing.new(call.principal.tenant, new_id, fields)))
        document = known.get(str(row.id))
        if document is None:
            # Of a batch that is tried again, the first attempt has deleted it, as far as can be known.
            return RowResult(204, row.id) if call.retried and row.op == "delete" else _refused(404, row.id)
        if row.op == "update" and written_by(call, document):
            return RowResult(200, row.id, document["version"])
        if row.version not in (None, document["version"]):
            return _refused(412, row.id)
        if row.op == "delete":
            return Delete(document["_id"], document["version"] if row.version else None)
        return self._converted(
            row, lambda fields: Replace(self._writing.changed(document, fields, call), document["version"])
        )

    def _converted(self, row: BatchRow, make: Callable[[dict[str, Any]], Write]) -> Write | RowResult:
        kind = self._resource.create if row.op == "create" else self._resource.patch
        body = bytes(row.body)
        try:
            if len(body) > MAX_ROW_BYTES:
                raise BodyTooLarge(f"is larger than {MAX_ROW_BYTES} bytes")
            return make(msgspec.to_builtins(validation.read(body, kind)))
        except (BadRequest, BodyTooLarge, Invalid) as error:
            return _refused(error.status, row.id, _told(error))

    def _once_each(self, plans: list[Write | RowResult]) -> list[Write | RowResult]:
        """Rows of one batch are unordered, so that a second one for the same item cannot be honoured."""
        seen: set[str] = set()
        for at, plan in enumerate(plans):
            if isinstance(plan, RowResult) and plan.code:
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


def _rows(body: bytes) -> list[BatchRow]:
    """Raises BadRequest, Invalid."""
    rows = validation.outline(body, BatchRequest).rows
    bodies = (bytes(memoryview(row.body)[:1]) for row in rows)
    faults = [Fault(f"/rows/{at}/body", "Expected `object | null`") for at, b in enumerate(bodies) if b not in b"{n"]
    if faults:
        raise validation.refusal(faults)
    return rows


def _lacks(row: BatchRow, name: str) -> bool:
    return bytes(memoryview(row.body)[:1]) == b"n" if name == "body" else getattr(row, name) is None


def _told(error: ApiError) -> list[Fault]:
    return [Fault("/body" + fault.pointer, fault.detail) for fault in error.errors or (Fault("", error.detail),)]


def _thinned(results: list[RowResult]) -> list[RowResult]:
    """With about `MAX_FAULTS` faults in all, yet at least one of each row that has any."""
    left = validation.MAX_FAULTS
    for result in results:
        found = result.errors or []
        left -= len(found)
        if left < 0 and len(found) > 1:
            result.errors = [found[0], Fault("/body", f"has at least {len(found) - 1} more fault(s)")]
    return results


def _needs(row: BatchRow) -> tuple[str, ...]:
    return {"create": ("body",), "update": ("id", "body"), "delete": ("id",)}[row.op]


def _id(plan: Write | RowResult) -> str:
    return str(plan.document["_id"] if isinstance(plan, Insert | Replace) else plan.id)


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
