"""Resumable uploads by tus 1.0: an upload is created, then filled chunk by chunk, over as many requests as it takes."""

from collections.abc import Awaitable, Callable
from functools import wraps

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gigaday.api.operation import Call, Handler
from gigaday.api.reading import answer, json_response, tag
from gigaday.api.tus_headers import (
    UPLOADS_PATH,
    check_chunk,
    check_kind,
    check_offset,
    check_sent,
    has_chunk,
    progress,
    promised,
    told,
    told_finished,
)
from gigaday.api.upload_body import UploadBody
from gigaday.contracts import Document, GrowingStore, Growth
from gigaday.errors import ApiError, Gone, MethodNotAllowed, NotFound, ObjectMissing
from gigaday.model.plan import PLANS
from gigaday.model.upload import Upload
from gigaday.ops.upload_digests import Digests
from gigaday.ops.upload_hold import Hold
from gigaday.ops.upload_making import UploadMaking
from gigaday.ops.uploads import Uploads
from gigaday.rules import tus

_ALLOWED = "DELETE, GET, HEAD, OPTIONS, PATCH, POST"
LARGEST = max(plan.media_bytes for plan in PLANS.values())
SPOKEN = {"Tus-Resumable": tus.VERSION, "Cache-Control": "no-store"}
FIELDS = ("_id", *(field.encode_name for field in msgspec.structs.fields(Upload) if field.encode_name != "_id"))


def speaking(handle: Handler) -> Handler:
    """`handle`, with the protocol's version on whatever it answers."""

    @wraps(handle)
    async def spoken(call: Call) -> Response:
        try:
            response = await handle(call)
        except ApiError as error:
            error.headers.setdefault("Tus-Resumable", tus.VERSION)
            raise
        for name, value in SPOKEN.items():
            response.headers[name] = value
        return response

    return spoken


class Tus:
    """What the protocol asks of a server. A body may pause for `stall` seconds."""

    def __init__(
        self, uploads: Uploads, objects: GrowingStore, making: UploadMaking, digests: Digests, stall: float
    ) -> None:
        self._uploads, self._objects, self._making = uploads, objects, making
        self._digests, self._stall = digests, stall

    async def options(self, call: Call) -> Response:
        """What is spoken here; asked for without a token, too."""
        plan = PLANS.get(call.principal.plan)
        headers = {
            "Allow": _ALLOWED if "id" in call.params else "GET, HEAD, OPTIONS, POST",
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
            "Tus-Max-Size": str(plan.media_bytes if plan else LARGEST),
        }
        return Response(status_code=204, headers=headers)

    async def create(self, call: Call) -> Response:
        """A new upload, with the first of its bytes where the request has a body."""
        request = call.request
        tus.check_version(request.headers.get("tus-resumable"))
        fields = promised(call)
        filled = has_chunk(request)
        plan = PLANS[call.principal.plan]
        document = await self._uploads.begin(call.principal.tenant, call.new_id, "tus", fields, plan.storage_bytes)
        headers = {"Location": f"{UPLOADS_PATH}/{document['_id']}"}
        if filled:
            async with self._uploads.hold(document) as hold:
                try:
                    await self._take(request, hold)
                except ApiError:
                    await self._uploads.end(hold)  # whoever is told of an error knows of no upload
                    raise
                document = hold.document
        return told(document, 201, headers)

    async def append(self, call: Call) -> Response:
        """A chunk more; with the last one the medium."""
        request = call.request
        tus.check_version(request.headers.get("tus-resumable"))
        check_chunk(request)
        offset = tus.number("Upload-Offset", request.headers.get("upload-offset"))
        tenant, id = call.principal.tenant, call.params["id"]
        document = await self._uploads.get(tenant, id)
        if document is None:
            made = await self._made(tenant, id)
            check_offset(offset, made["size"])
            return told_finished(made)
        check_kind(document)
        async with self._uploads.hold(document) as hold:
            check_offset(offset, hold.document["offset"])
            made_of = await self._take(request, hold)
            return told_finished(made_of) if made_of else told(hold.document, 204, {})

    async def status(self, call: Call) -> Response:
        """How far an upload has come: told in headers, and as JSON to GET. One that is all there and was cut off before
        it became a medium becomes one now: its client may ask for nothing more."""
        request = call.request
        if "tus-resumable" in request.headers:
            tus.check_version(request.headers["tus-resumable"])
        tenant, id = call.principal.tenant, call.params["id"]
        document = await self._uploads.get(tenant, id)
        if document is not None and document["offset"] == document["size"]:
            async with self._uploads.hold(document) as hold:
                await self._making.finish(hold)
            document = None
        if document is None:
            made = await self._made(tenant, id)
            document = {**made, "kind": "tus", "offset": made["size"], "status": "ready"}
        return json_response(answer(document, FIELDS), etag=tag(document), headers=progress(document))

    async def end(self, call: Call) -> Response:
        """No upload, and nothing of its bytes."""
        if "tus-resumable" in call.request.headers:
            tus.check_version(call.request.headers["tus-resumable"])
        document = await self._uploads.existing(call.principal.tenant, call.params["id"])
        await self._uploads.abandon(document)
        self._digests.forget(document["_id"])
        return Response(status_code=204)

    async def override(self, call: Call) -> Response:
        """PATCH and DELETE for clients that can send neither: POST with the method's name in a header."""
        check_sent(call.request)
        match call.request.headers.get("x-http-method-override"):
            case "PATCH":
                return await self.append(call)
            case "DELETE":
                return await self.end(call)
        raise MethodNotAllowed("POST is for X-HTTP-Method-Override: PATCH or DELETE here.", headers={"Allow": _ALLOWED})

    async def _made(self, tenant: str, id: str) -> Document:
        made = await self._uploads.made(tenant, id)
        if made is None:
            raise NotFound("There is no such upload.")
        return made

    async def _take(self, request: Request, hold: Hold) -> Document | None:
        """Adds the request's body; returns the medium where that was the last of it. Raises, after having kept what
        came, where the client vanished."""
        upload = hold.document
        id, offset, size = upload["_id"], upload["offset"], upload["size"]
        sent = request.headers.get("upload-checksum")
        checksum = tus.checksum(sent) if sent is not None else None
        digest = self._digests.at(id, offset)
        body = UploadBody(
            request, room=size - offset, stall=self._stall, checksum=checksum, digest=digest, check=hold.check
        )
        if offset < size:
            growth = await self._appended(hold, body, now_and_then=checksum is None)
            self._digests.keep(id, growth.offset, digest)
        if hold.document["offset"] == size:
            return await self._making.finish(hold)
        if body.cut is not None:
            raise body.cut
        return None

    async def _appended(self, hold: Hold, body: UploadBody, *, now_and_then: bool) -> Growth:
        """How far it has come, kept at the end and `now_and_then` before. Raises Gone where there is nothing to add
        to."""
        kept = self._keeping(hold)
        growth = msgspec.convert(hold.document["growth"], Growth)
        try:
            growth = await self._objects.append(growth, body.blocks(), kept if now_and_then else None)
        except ObjectMissing:
            await self._uploads.end(hold)
            raise Gone("What there was of this upload is gone; begin another.") from None
        await kept(growth)
        return growth

    def _keeping(self, hold: Hold) -> Callable[[Growth], Awaitable[None]]:
        async def keep(growth: Growth) -> None:
            await hold.update(
                growth=msgspec.to_builtins(growth), offset=growth.offset, expiresAt=self._uploads.expiry()
            )

        return keep
