"""Media: records of uploaded files, their content, and where they are used."""

from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.content import content_response
from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call, Operation, Parameter
from gigaday.api.reading import existing
from gigaday.api.resource import creating_operations, item_writing_operations, reading_operations
from gigaday.api.upload import STALL_SECONDS, measure_upload, receive_upload
from gigaday.api.writing import Writing, check_if_match
from gigaday.contracts import Document, Filter, LocalFiles, ObjectStore, Query, Replace
from gigaday.errors import Conflict, Forbidden, NotFound, QuotaExceeded, Unavailable
from gigaday.model.media import MEDIA, Media, MediaPatch
from gigaday.model.plan import PLANS, Plan
from gigaday.model.product import PRODUCTS
from gigaday.ops.media_making import MediaMaking
from gigaday.ops.quota import Quota
from gigaday.ops.trash import Trash
from gigaday.ops.uploads import Uploads
from gigaday.rules import listing
from gigaday.rules.ids import is_id
from gigaday.rules.storage_keys import storage_key

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
_SENT = ("filename", "alt", "contentType", "size", "sha256")
_DETACH = Parameter("detach", {"enum": ["true", "false"]}, "Take the medium out of the products that use it.")


class Keeping(msgspec.Struct, frozen=True):
    """What keeps media: their bytes, what makes records of them, what counts them, where the deleted go, and what is
    on its way. `files` is where bytes are files of this machine."""

    objects: ObjectStore
    making: MediaMaking
    quota: Quota
    trash: Trash
    uploads: Uploads
    files: LocalFiles | None = None


def operations(origin: Origin, keeping: Keeping, stall: float = STALL_SECONDS) -> list[Operation]:
    """Upload, list, read, change, delete and download. An upload may pause for `stall` seconds."""
    media = MediaWork(origin, keeping, stall)
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


class MediaWork:
    """What media do beyond a plain resource."""

    def __init__(self, origin: Origin, keeping: Keeping, stall: float) -> None:
        self._origin, self._keeping, self._stall = origin, keeping, stall
        self._writing = Writing(RESOURCE, origin)

    async def upload(self, call: Call) -> Response:
        """Stores the bytes, then the record: a cut-off upload leaves no record, and no bytes once it is noticed."""
        tenant, plan = call.principal.tenant, _plan(call)
        key = storage_key(tenant, call.new_id)
        objects, making = self._keeping.objects, self._keeping.making
        received = await receive_upload(call.request, objects, key=key, limit=plan.media_bytes, stall=self._stall)
        try:
            await self._keeping.quota.reserve(tenant, plan.storage_bytes, received.size)
        except (QuotaExceeded, Unavailable):
            await making.discard(tenant, key, reserved=False)
            raise
        made = await making.make(tenant, call.new_id, msgspec.to_builtins(received), key)
        return self._writing.answered(made, status=201, headers={"location": f"{RESOURCE.path}/{made['_id']}"})

    async def repeats(self, call: Call, answer: bytes) -> bool:
        """Whether the file sent is the one of an earlier answer; nothing is stored."""
        received = await measure_upload(call.request, limit=_plan(call).media_bytes, stall=self._stall)
        made, sent = msgspec.json.decode(answer), msgspec.to_builtins(received)
        return all(made[name] == sent[name] for name in _SENT)

    async def content(self, call: Call) -> Response:
        """The bytes."""
        document = await existing(RESOURCE, self._origin, call)
        return await content_response(call.request, document, self._keeping.objects, self._keeping.files)

    async def delete(self, call: Call) -> Response:
        """The medium is in the trash, from where it can be restored. Raises Conflict while a product uses it,
        Forbidden where none may be changed."""
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
        if users := await self._users(call.principal.tenant, document["_id"], _SHOWN_USES):
            raise _in_use(call, users)
        await self._keeping.trash.throw(document)
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


def _plan(call: Call) -> Plan:
    return PLANS[call.principal.plan]


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
