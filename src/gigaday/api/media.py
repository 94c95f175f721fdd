"""Media: records of uploaded files, their content, and where they are used."""

from contextlib import suppress
from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.content import content_response
from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call, Operation, Parameter
from gigaday.api.reading import existing
from gigaday.api.resource import creating_operations, item_writing_operations, reading_operations
from gigaday.api.upload import receive_upload
from gigaday.api.writing import Writing, check_if_match
from gigaday.contracts import Delete, Document, Filter, Insert, ObjectStore, Query, Replace
from gigaday.errors import BackendError, Conflict, PreconditionFailed
from gigaday.model.media import MEDIA, Media, MediaPatch
from gigaday.model.plan import PLANS
from gigaday.model.product import PRODUCTS
from gigaday.rules import listing

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


def operations(origin: Origin, objects: ObjectStore) -> list[Operation]:
    """Upload, list, read, change, delete and download."""
    media = MediaWork(origin, objects)
    [create] = creating_operations(RESOURCE, origin)
    upload = _with(
        create, handle=media.upload, summary="Upload a file", body=bytes, body_types=_CONTENT, example=None,
        streams=True, cost=RESOURCE.write_cost, body_cap=max(plan.media_bytes for plan in PLANS.values()) + 65_536,
        errors=(413,),
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
    """Where a medium's bytes lie: a key of the server's making, grouped by tenant."""
    return f"media/{tenant}/{id[-2:]}/{id}"


class MediaWork:
    """What media do beyond a plain resource."""

    def __init__(self, origin: Origin, objects: ObjectStore) -> None:
        self._origin, self._objects = origin, objects
        self._writing = Writing(RESOURCE, origin)

    async def upload(self, call: Call) -> Response:
        """Stores the bytes, then the record: a cut-off upload leaves no record, and no bytes once it is noticed."""
        tenant = call.principal.tenant
        if call.retried and (made := await self._origin.documents.get(MEDIA, tenant, call.new_id)):
            return self._writing.answered(made, status=201)
        key = storage_key(tenant, call.new_id)
        limit = PLANS[call.principal.plan].media_bytes
        received = await receive_upload(call.request, self._objects, key=key, limit=limit)
        fields = {
            "filename": received.filename, "alt": received.alt, "contentType": received.content_type,
            "size": received.size, "sha256": received.sha256, "width": received.width, "height": received.height,
            "status": "ready", "storageKey": key,
        }  # fmt: skip
        return await self._record(tenant, key, self._writing.new(tenant, call.new_id, fields))

    async def _record(self, tenant: str, key: str, document: Document) -> Response:
        [outcome] = await self._origin.documents.write(MEDIA, tenant, [Insert(document)])
        if outcome != "applied":
            await self._objects.delete(key)
            raise Conflict("The id is taken; try again.")
        location = f"{RESOURCE.path}/{document['_id']}"
        return self._writing.answered(document, status=201, headers={"location": location})

    async def content(self, call: Call) -> Response:
        """The bytes."""
        document = await existing(RESOURCE, self._origin, call)
        return await content_response(call.request, document, self._objects)

    async def delete(self, call: Call) -> Response:
        """No record and no bytes. Raises Conflict, naming the products, while any uses the medium."""
        document = await existing(RESOURCE, self._origin, call)
        check_if_match(call, document)
        tenant, id = call.principal.tenant, document["_id"]
        if ("detach", "true") in listing.pairs(call.request.scope["query_string"]):
            await self._detach(tenant, id)
        if users := await self._users(tenant, id, _SHOWN_USES):
            used = [{"collection": "products", "_id": user["_id"], "name": user["name"]} for user in users]
            raise Conflict("The medium is in use; delete with ?detach=true to take it out.", extra={"usedBy": used})
        [outcome] = await self._origin.documents.write(MEDIA, tenant, [Delete(id, document["version"])])
        if outcome == "stale":
            raise PreconditionFailed("The medium has changed since; read it again.")
        with suppress(BackendError):
            # The record is gone, which is what was asked; bytes that stay are an orphan that no one can reach.
            await self._objects.delete(document["storageKey"])
        return Response(status_code=204)

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
