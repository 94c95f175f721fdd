"""Media: records of uploaded files, their content, and where they are used."""

import secrets
from contextlib import suppress
from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.content import content_response
from gigaday.api.declaration import Origin, Resource
from gigaday.api.idempotency import mismatch
from gigaday.api.operation import Call, Operation, Parameter
from gigaday.api.reading import existing
from gigaday.api.resource import creating_operations, item_writing_operations, reading_operations
from gigaday.api.upload import STALL_SECONDS, Received, measure_upload, receive_upload
from gigaday.api.writing import Writing, check_if_match
from gigaday.contracts import Delete, Document, Filter, Insert, ObjectStore, Query, Replace
from gigaday.errors import BackendDown, BackendError, Conflict, Forbidden, NotFound, PreconditionFailed
from gigaday.model.media import MEDIA, Media, MediaPatch
from gigaday.model.plan import PLANS
from gigaday.model.product import PRODUCTS
from gigaday.rules import listing
from gigaday.rules.ids import is_id

_SHOWN_USES = 20
_DETACH_PAGE = 100

RESOURCE = Resource(
    name="media",
    singular="medium",
    collection=MEDIA,
    create=MediaPatch,
    patch=MediaPatch,
    answer=Media,
    filters={"filename": "text", "contentType": "text", "sha256": "text", "createdAt": "time", "size": "integer"},
    sorts=("_id", "createdAt", "filename"),
    example={"filename": "bar-stool.png", "alt": "A bar stool of oak"},
    write_cost=10,
)
_CONTENT = ("application/octet-stream", "multipart/form-data")
_DETACH = Parameter("detach", {"enum": ["true", "false"]}, "Take the medium out of the products that use it.")


def operations(origin: Origin, objects: ObjectStore, stall: float = STALL_SECONDS) -> list[Operation]:
    """Upload, list, read, change, delete and download. An upload may pause for `stall` seconds."""
    media = MediaWork(origin, objects, stall)
    [create] = creating_operations(RESOURCE, origin)
    upload = _with(
        create, handle=media.upload, summary="Upload a file", body=bytes, body_types=_CONTENT, example=None,
        streams=True, cost=RESOURCE.write_cost, body_cap=max(plan.media_bytes for plan in PLANS.values()) + 65_536,
        errors=(408, 413), repeats=media.repeats,
    )  # fmt: skip
    patch, delete = item_writing_operations(RESOURCE, origin, put=False, delete=media.delete)
    delete = _with(delete, parameters=(*delete.parameters, _DETACH))
    content = Operation(
        "GET", f"{RESOURCE.path}/{{id}}/content", "download_medium", "Download a file", media.content, "media:read",
        "media", answer_types=("*/*",), errors=(206, 304, 404, 416), streams=True,
    )  # fmt: skip
    return [*reading_operations(RESOURCE, origin), upload, patch, delete, content]


def _with(operation: Operation, **changes: Any) -> Operation:
    return msgspec.structs.replace(operation, **changes)


def storage_key(tenant: str, id: str) -> str:
    """Where a medium's bytes lie: a key of the server's making, grouped by tenant, and of this attempt alone: two that
    make the same medium never touch each other's bytes."""
    return f"media/{tenant}/{id[-2:]}/{id}-{secrets.token_hex(8)}"


class MediaWork:
    """What media do beyond a plain resource."""

    def __init__(self, origin: Origin, objects: ObjectStore, stall: float) -> None:
        self._origin, self._objects, self._stall = origin, objects, stall
        self._writing = Writing(RESOURCE, origin)

    async def upload(self, call: Call) -> Response:
        """Stores the bytes, then the record: a cut-off upload leaves no record, and no bytes once it is noticed."""
        key = storage_key(call.principal.tenant, call.new_id)
        received = await receive_upload(call.request, self._objects, key=key, limit=_limit(call), stall=self._stall)
        try:
            made = await self._recorded(call, received, key)
        except BackendDown:
            # The record may have been written, as when this is cancelled: a record without its bytes would be worse.
            raise
        except Exception:
            await self._discard(key)
            raise
        if made["storageKey"] != key:
            await self._discard(key)
        return self._writing.answered(made, status=201, headers={"location": f"{RESOURCE.path}/{made['_id']}"})

    async def _recorded(self, call: Call, received: Received, key: str) -> Document:
        """The record, new or made by another attempt under the same Idempotency-Key."""
        tenant, id = call.principal.tenant, call.new_id
        fields = {**msgspec.to_builtins(received), "status": "ready", "storageKey": key}
        document = self._writing.new(tenant, id, fields)
        if await self._origin.documents.write(MEDIA, tenant, [Insert(document)]) == ["applied"]:
            return document
        made = await self._origin.documents.get(MEDIA, tenant, id)
        if made is None:
            raise Conflict("The id is taken; try again.")
        if made["sha256"] != received.sha256:
            raise mismatch()
        return made

    async def repeats(self, call: Call, answer: bytes) -> bool:
        """Whether the file sent is the one of an earlier answer; nothing is stored."""
        received = await measure_upload(call.request, limit=_limit(call), stall=self._stall)
        made = msgspec.json.decode(answer)
        return all(made[name] == value for name, value in msgspec.to_builtins(received).items())

    async def _discard(self, key: str) -> None:
        """Best effort: bytes that stay are an orphan that no one can reach."""
        with suppress(BackendError):
            await self._objects.delete(key)

    async def content(self, call: Call) -> Response:
        """The bytes."""
        document = await existing(RESOURCE, self._origin, call)
        return await content_response(call.request, document, self._objects)

    async def delete(self, call: Call) -> Response:
        """No record and no bytes. Raises Conflict while a product uses the medium, Forbidden where none may be
        changed."""
        detaching = _is_detaching(call)
        try:
            document = await existing(RESOURCE, self._origin, call)
        except NotFound:
            if call.retried and is_id(call.params["id"]):
                return Response(status_code=204)  # as far as can be known, the first attempt's doing
            raise
        check_if_match(call, document)
        if detaching:
            await self._detach(call.principal.tenant, document["_id"])
        await self._remove(call, document)
        return Response(status_code=204)

    async def _remove(self, call: Call, document: Document) -> None:
        tenant, id = call.principal.tenant, document["_id"]
        if users := await self._users(tenant, id, _SHOWN_USES):
            raise _in_use(call, users)
        [outcome] = await self._origin.documents.write(MEDIA, tenant, [Delete(id, document["version"])])
        if outcome == "stale":
            raise PreconditionFailed("The medium has changed since; read it again.")
        await self._discard(document["storageKey"])

    async def _users(self, tenant: str, id: str, limit: int) -> list[Document]:
        query = Query((Filter("mediaIds", "eq", id),), limit=limit)
        return await self._origin.documents.page(PRODUCTS, tenant, query)

    async def _detach(self, tenant: str, id: str) -> None:
        """Until none is left: a product changed meanwhile is simply met again."""
        while users := await self._users(tenant, id, _DETACH_PAGE):
            writes = [
                Replace(
                    self._writing.changed(user, {"mediaIds": [m for m in user["mediaIds"] if m != id]}), user["version"]
                )
                for user in users
            ]
            await self._origin.documents.write(PRODUCTS, tenant, writes)


def _limit(call: Call) -> int:
    return PLANS[call.principal.plan].media_bytes


def _is_detaching(call: Call) -> bool:
    """Raises Forbidden where the caller may not change products."""
    asked = ("detach", "true") in listing.pairs(call.request.scope["query_string"])
    if asked and "products:write" not in call.principal.scopes:
        raise Forbidden("With ?detach=true this needs the scope products:write besides.")
    return asked


def _in_use(call: Call, users: list[Document]) -> Conflict:
    """Names the products to those who may read them."""
    used = [{"collection": "products", "_id": user["_id"], "name": user["name"]} for user in users]
    shown = {"usedBy": used} if "products:read" in call.principal.scopes else {}
    return Conflict("The medium is in use; delete with ?detach=true to take it out.", extra=shown)
