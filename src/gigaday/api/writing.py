"""Writing a resource: create, patch, put and delete of one item."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

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
from gigaday.rules import etags, times, validation
from gigaday.rules.ids import is_id

_ATTEMPTS = 10
_LARGE = 256 * 1024
"""Bodies from here on, in bytes, are read in a thread: they would hold up the event loop."""
_FIELDS = re.compile(r'\.[0-9a-f]{8}"\Z')
_WRITER = "writer"
"""Never answered: names the call that wrote a version, so that one that is tried again knows its own work."""
P = ParamSpec("P")
R = TypeVar("R")


async def json_body(call: Call, kind: type[msgspec.Struct], types: tuple[str, ...] = JSON_TYPES) -> dict[str, Any]:
    """The body's fields that were sent, checked. Raises UnsupportedMediaType, BadRequest, Invalid."""
    body = await body_of_type(call, types)
    fields: dict[str, Any] = msgspec.to_builtins(await off_the_loop(len(body), validation.read, body, kind))
    return fields


async def body_of_type(call: Call, types: tuple[str, ...] = JSON_TYPES) -> bytes:
    """The body as it came. Raises UnsupportedMediaType."""
    sent = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in types:
        raise UnsupportedMediaType(f"Send Content-Type: {' or '.join(types)}.")
    return await call.request.body()


async def off_the_loop(size: int, work: Callable[P, R], /, *args: P.args, **more: P.kwargs) -> R:
    """What `work` returns, from a thread where it has many bytes to go through."""
    return work(*args, **more) if size < _LARGE else await asyncio.to_thread(work, *args, **more)


class Writing:
    """`POST`, `PATCH`, `PUT` and `DELETE` of a resource."""

    def __init__(self, resource: Resource, origin: Origin) -> None:
        self._resource, self._origin = resource, origin

    async def create(self, call: Call) -> Response:
        """A new item, under the id that the call must use."""
        fields = await json_body(call, self._resource.create)
        document = await self._made_before(call) if call.retried else None
        if document is None:
            await self.check_references(call.principal.tenant, fields)
            document = self.new(call.principal.tenant, call.new_id, fields)
            if await self._write(call, Insert(document)) == "exists":
                document = await self._made_before(call) or _taken()
        location = f"{self._resource.path}/{document['_id']}"
        return self.answered(document, status=201, headers={"location": location})

    async def patch(self, call: Call) -> Response:
        """The item with the sent fields changed; tried again where others write between."""
        changes = await json_body(call, self._resource.patch, MERGE_TYPES)
        for attempt in range(_ATTEMPTS):
            document = await existing(self._resource, self._origin, call)
            if written_by(call, document):
                return self.answered(document)
            check_if_match(call, document)
            if attempt == 0:
                await self.check_references(call.principal.tenant, changes)
            changed = self.changed(document, changes, call)
            if await self._write(call, Replace(changed, document["version"])) == "applied":
                return self.answered(changed)
        raise Conflict("The item is being changed by many at once; try again.", headers={"Retry-After": "1"})

    async def put(self, call: Call) -> Response:
        """The item with every field replaced; `If-Match` is required, since the caller claims to know them all."""
        fields = await json_body(call, self._resource.create)
        document = await existing(self._resource, self._origin, call)
        if "if-match" not in call.request.headers:
            raise PreconditionRequired("PUT needs If-Match with the ETag of the item that you replace.")
        if written_by(call, document):
            return self.answered(document)
        check_if_match(call, document)
        await self.check_references(call.principal.tenant, fields)
        changed = self.changed(document, fields, call)
        if await self._write(call, Replace(changed, document["version"])) != "applied":
            changed = await existing(self._resource, self._origin, call)
            if not written_by(call, changed):
                raise PreconditionFailed("The item has changed since; read it again.")
        return self.answered(changed)

    async def delete(self, call: Call) -> Response:
        """No item."""
        try:
            document = await existing(self._resource, self._origin, call)
        except NotFound:
            if call.retried and is_id(call.params["id"]):
                return Response(status_code=204)  # as far as can be known, the first attempt's doing
            raise
        guarded = check_if_match(call, document)
        outcome = await self._write(call, Delete(document["_id"], document["version"] if guarded else None))
        if outcome == "stale":
            raise PreconditionFailed("The item has changed since; read it again.")
        if outcome == "missing" and not call.retried:
            raise NotFound(f"There is no such {self._resource.singular}.")
        return Response(status_code=204)

    def new(self, tenant: str, id: str, fields: dict[str, Any]) -> Document:
        """A first version."""
        now = times.text(self._origin.clock.now())
        return {"_id": id, **fields, "createdBy": tenant, "createdAt": now, "updatedAt": now, "version": 1}

    def changed(self, document: Document, fields: dict[str, Any], call: Call | None = None) -> Document:
        """The next version, marked as the call's."""
        now = max(times.text(self._origin.clock.now()), document["updatedAt"])
        mark = {_WRITER: call.new_id} if call else {}
        return {**document, **fields, **mark, "updatedAt": now, "version": document["version"] + 1}

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

    async def _made_before(self, call: Call) -> Document | None:
        """What a first attempt under the same Idempotency-Key made before it was cut off."""
        return await self._origin.documents.get(self._resource.collection, call.principal.tenant, call.new_id)

    def answered(self, document: Document, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        shown = answer(document, self._resource.fields)
        return json_response(shown, etag=tag(document), status=status, headers=headers)


def written_by(call: Call, document: Document) -> bool:
    """Whether the call has written this item already: it is tried again after its outcome was lost."""
    return document.get(_WRITER) == call.new_id


def check_if_match(call: Call, document: Document) -> bool:
    """Whether an If-Match names this version. Raises PreconditionFailed where it names others.

    A tag that was given for chosen fields, or with an encoding, is a tag of its version; a weak one is none.
    """
    lines = call.request.headers.getlist("if-match")
    header = ", ".join(lines).strip()
    if not lines or header == "*":
        return False
    version = tag(document)
    if not any(version in (base, _FIELDS.sub('"', base)) for base in etags.strong_bases(header)):
        raise PreconditionFailed("The item has changed since; read it again.")
    return True


def _taken() -> Document:
    raise Conflict("The id is taken; try again.")
