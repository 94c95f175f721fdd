"""Writing a resource: create, patch, put and delete of one item."""

import re
from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import JSON_TYPES, MERGE_TYPES, Call
from gigaday.api.reading import answer, existing, json_response, tag
from gigaday.contracts import Delete, Document, Insert, Replace
from gigaday.errors import (
    Conflict,
    Fault,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    UnsupportedMediaType,
)
from gigaday.rules import times, validation

_ATTEMPTS = 10
_TAG = re.compile(r'"([^"]*)"')


async def json_body(call: Call, kind: type[msgspec.Struct], types: tuple[str, ...] = JSON_TYPES) -> dict[str, Any]:
    """The body's fields that were sent, checked. Raises UnsupportedMediaType, BadRequest, Invalid."""
    sent = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in types:
        raise UnsupportedMediaType(f"Send Content-Type: {' or '.join(types)}.")
    converted = validation.convert(validation.parse(await call.request.body()), kind)
    fields: dict[str, Any] = msgspec.to_builtins(converted)
    return fields


class Writing:
    """`POST`, `PATCH`, `PUT` and `DELETE` of a resource."""

    def __init__(self, resource: Resource, origin: Origin) -> None:
        self._resource, self._origin = resource, origin

    async def create(self, call: Call) -> Response:
        """A new item, under the id that the call must use."""
        fields = await json_body(call, self._resource.create)
        await self.check_references(call.principal.tenant, fields)
        document = self.new(call.principal.tenant, call.new_id, fields)
        if await self._write(call, Insert(document)) == "exists":
            document = await self._made_before(call)
        location = f"{self._resource.path}/{document['_id']}"
        return self.answered(document, status=201, headers={"location": location})

    async def patch(self, call: Call) -> Response:
        """The item with the sent fields changed; tried again where others write between."""
        changes = await json_body(call, self._resource.patch, MERGE_TYPES)
        await self.check_references(call.principal.tenant, changes)
        for _ in range(_ATTEMPTS):
            document = await existing(self._resource, self._origin, call)
            check_if_match(call, document)
            changed = self.changed(document, changes)
            if await self._write(call, Replace(changed, document["version"])) == "applied":
                return self.answered(changed)
        raise Conflict("The item is being changed by many at once; try again.", headers={"Retry-After": "1"})

    async def put(self, call: Call) -> Response:
        """The item with every field replaced; `If-Match` is required, since the caller claims to know them all."""
        fields = await json_body(call, self._resource.create)
        document = await existing(self._resource, self._origin, call)
        if "if-match" not in call.request.headers:
            raise PreconditionRequired("PUT needs If-Match with the ETag of the item that you replace.")
        check_if_match(call, document)
        await self.check_references(call.principal.tenant, fields)
        changed = self.changed(document, fields)
        if await self._write(call, Replace(changed, document["version"])) != "applied":
            raise PreconditionFailed("The item has changed since; read it again.")
        return self.answered(changed)

    async def delete(self, call: Call) -> Response:
        """No item."""
        document = await existing(self._resource, self._origin, call)
        guarded = check_if_match(call, document)
        outcome = await self._write(call, Delete(document["_id"], document["version"] if guarded else None))
        if outcome == "stale":
            raise PreconditionFailed("The item has changed since; read it again.")
        if outcome == "missing":
            raise NotFound(f"There is no such {self._resource.singular}.")
        return Response(status_code=204)

    def new(self, tenant: str, id: str, fields: dict[str, Any]) -> Document:
        """A first version."""
        now = times.text(self._origin.clock.now())
        return {"_id": id, **fields, "createdBy": tenant, "createdAt": now, "updatedAt": now, "version": 1}

    def changed(self, document: Document, fields: dict[str, Any]) -> Document:
        """The next version."""
        now = max(times.text(self._origin.clock.now()), document["updatedAt"])
        return {**document, **fields, "updatedAt": now, "version": document["version"] + 1}

    async def check_references(self, tenant: str, fields: dict[str, Any]) -> None:
        """Raises Invalid where an id refers to nothing that the tenant owns."""
        if found := await self.dangling(tenant, fields):
            raise Invalid("An id refers to nothing.", errors=found)

    async def dangling(self, tenant: str, fields: dict[str, Any]) -> list[Fault]:
        """A fault for each id that refers to nothing."""
        faults: list[Fault] = []
        for field, collection in self._resource.references.items():
            ids = fields.get(field) or []
            known = await self._origin.documents.get_many(collection, tenant, ids) if ids else {}
            faults += [
                Fault(f"/{field}/{at}", f"names no item of {collection.name}")
                for at, id in enumerate(ids)
                if id not in known
            ]
        return faults

    async def _write(self, call: Call, write: Insert | Replace | Delete) -> str:
        [outcome] = await self._origin.documents.write(self._resource.collection, call.principal.tenant, [write])
        return outcome

    async def _made_before(self, call: Call) -> Document:
        """What a first attempt under the same Idempotency-Key made before it was cut off."""
        made = await self._origin.documents.get(self._resource.collection, call.principal.tenant, call.new_id)
        if made is None or not call.retried:
            raise Conflict("The id is taken; try again.")
        return made

    def answered(self, document: Document, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        shown = answer(document, self._resource.fields)
        return json_response(shown, etag=tag(document), status=status, headers=headers)


def check_if_match(call: Call, document: Document) -> bool:
    """Whether an If-Match was given and holds. Raises PreconditionFailed where it does not.

    An item's tag may carry a suffix for chosen fields or an encoding; any tag of the version will do.
    """
    header = call.request.headers.get("if-match")
    if header is None:
        return False
    version = f"{document['_id']}.{document['version']}"
    given = [re.split(r"[-.]", text, maxsplit=2) for text in _TAG.findall(header)]
    if header.strip() != "*" and not any(".".join(parts[:2]) == version for parts in given):
        raise PreconditionFailed("The item has changed since; read it again.")
    return True
