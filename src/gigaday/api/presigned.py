"""Uploads that pass the node by: requests are signed that store the bytes, and a commit looks at what has come."""

from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api import media
from gigaday.api.declaration import Origin
from gigaday.api.operation import Call
from gigaday.api.reading import json_response
from gigaday.api.tus_headers import MEDIA_PATH, UPLOADS_PATH, check_size
from gigaday.api.writing import Writing, json_body
from gigaday.contracts import Document, GrowingStore, Growth, Presigner, SignedRequest
from gigaday.errors import Conflict, Fault, Invalid, NoDirectUploads, NotFound, ObjectMissing
from gigaday.model.plan import PLANS
from gigaday.model.upload import NewUpload, WantedParts
from gigaday.ops.upload_hold import Hold
from gigaday.ops.upload_making import UploadMaking
from gigaday.ops.uploads import Kind, Uploads
from gigaday.rules import parts, times

SIGNED_SECONDS = 3600
"""How long a signed request may be sent; what it has begun by then may end later."""
_SHOWN = 20


class Presigned:
    """`signer` is None where the store cannot be reached by clients."""

    def __init__(
        self, origin: Origin, uploads: Uploads, objects: GrowingStore, signer: Presigner | None, making: UploadMaking
    ) -> None:
        self._origin, self._uploads, self._objects = origin, uploads, objects
        self._signer, self._making = signer, making

    async def create(self, call: Call) -> Response:
        """A new upload, and what to send where."""
        signer = self._able()
        fields = await json_body(call, NewUpload)
        check_size(fields["size"], call.principal.plan)
        upload = await self._uploads.get(call.principal.tenant, call.new_id) if call.retried else None
        if upload is None:
            upload = await self._begun(call, fields)
        return json_response(
            self._plan(signer, upload), status=201, headers={"location": f"{UPLOADS_PATH}/{upload['_id']}"}
        )

    async def _begun(self, call: Call, fields: dict[str, Any]) -> Document:
        size = parts.size_for(fields["size"])
        storage_bytes = PLANS[call.principal.plan].storage_bytes
        fields = {**fields, "partSize": size}
        kind: Kind = "parts" if size else "put"
        return await self._uploads.begin(call.principal.tenant, call.new_id, kind, fields, storage_bytes)

    def _plan(self, signer: Presigner, upload: Document) -> dict[str, Any]:
        path, size = f"{UPLOADS_PATH}/{upload['_id']}", upload["size"]
        told = {"_id": upload["_id"], "kind": upload["kind"], "commit": f"{path}/commit"}
        if upload["kind"] == "parts":
            listed = [msgspec.to_builtins(part) for part in parts.planned(size, upload["partSize"])]
            more = {"parts": listed, "partSize": upload["partSize"], "sign": f"{path}/parts"}
            return {**told, **more, "expiresAt": upload["expiresAt"]}
        put = signer.signed_put(
            upload["storageKey"], SIGNED_SECONDS,
            size=size, content_type=upload["contentType"], sha256=upload["sha256"],
        )  # fmt: skip
        return {**told, "put": _request(put), "expiresAt": self._signed_until()}

    async def sign(self, call: Call) -> Response:
        """The requests that store the parts asked for."""
        signer = self._able()
        wanted = (await json_body(call, WantedParts))["parts"]
        upload = await self._uploads.existing(call.principal.tenant, call.params["id"])
        if upload["kind"] != "parts":
            raise Conflict("This upload has no parts.")
        sizes = {part.number: part.size for part in parts.planned(upload["size"], upload["partSize"])}
        _check_numbers(wanted, len(sizes))
        growth = msgspec.convert(upload["growth"], Growth)
        signed = [
            {
                "number": part["number"],
                "size": sizes[part["number"]],
                **_request(
                    signer.signed_part(
                        growth, part["number"], SIGNED_SECONDS, size=sizes[part["number"]], sha256=part.get("sha256")
                    )
                ),
            }
            for part in wanted
        ]
        return json_response({"parts": signed, "expiresAt": self._signed_until()})

    async def commit(self, call: Call) -> Response:
        """The medium, once its bytes are there and as promised; the same again where this was done before."""
        tenant, id = call.principal.tenant, call.params["id"]
        upload = await self._uploads.get(tenant, id)
        made = await self._committed(upload) if upload is not None else await self._uploads.made(tenant, id)
        if made is None:
            raise NotFound("There is no such upload.")
        headers = {"location": f"{MEDIA_PATH}/{made['_id']}"}
        return Writing(media.RESOURCE, self._origin).answered(made, status=201, headers=headers)

    async def _committed(self, upload: Document) -> Document:
        if upload["kind"] == "tus":
            raise Conflict("This upload is committed by its last byte.")
        async with self._uploads.hold(upload) as hold:
            if upload["kind"] == "parts":
                await self._gather(hold)
            elif await self._objects.size(upload["storageKey"]) is None:
                raise Conflict("The store has none of the bytes yet; send them first, by the request that was signed.")
            return await self._making.finish(hold)

    async def _gather(self, hold: Hold) -> None:
        """Notes the parts that the store has. Raises Conflict while some are missing."""
        upload = hold.document
        try:
            growth = await self._able().arrived(msgspec.convert(upload["growth"], Growth))
        except ObjectMissing:
            return  # made whole by an earlier attempt, or gone: that is seen next
        there = {part.number for part in growth.parts}
        missing = [
            part.number for part in parts.planned(upload["size"], upload["partSize"]) if part.number not in there
        ]
        if missing:
            shown = {"missing": missing[:_SHOWN]}
            raise Conflict(f"{len(missing)} part(s) have not been sent yet; sign and send them.", extra=shown)
        await hold.update(growth=msgspec.to_builtins(growth))

    def _able(self) -> Presigner:
        if self._signer is None:
            raise NoDirectUploads(
                f"The files of this service lie with its node: send them there, by tus, at {UPLOADS_PATH}.",
                extra={"uploads": UPLOADS_PATH},
            )
        return self._signer

    def _signed_until(self) -> str:
        return times.text(self._origin.clock.now() + SIGNED_SECONDS)


def _request(signed: SignedRequest) -> dict[str, Any]:
    return {"method": signed.method, "url": signed.url, "headers": signed.headers}


def _check_numbers(wanted: list[dict[str, Any]], count: int) -> None:
    faults = [
        Fault(f"/parts/{at}/number", f"must be 1 to {count}, as the upload has no other parts")
        for at, part in enumerate(wanted)
        if part["number"] > count
    ]
    if faults:
        raise Invalid("A part is none of this upload.", errors=faults)
