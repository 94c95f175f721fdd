"""What the headers of tus say: of an upload that is to be, of its chunks, and of how far it has come."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gigaday.api.declaration import BASE
from gigaday.api.operation import Call
from gigaday.contracts import Document
from gigaday.errors import BadRequest, BodyTooLarge, Conflict, Fault, Invalid, OffsetMismatch, UnsupportedMediaType
from gigaday.model.media import Alt, Filename
from gigaday.model.plan import PLANS
from gigaday.model.upload import ContentType, Sha256
from gigaday.rules import disposition, http_dates, promises, tus, validation

UPLOADS_PATH, MEDIA_PATH = f"{BASE}/uploads", f"{BASE}/media"


class _Promise(msgspec.Struct):
    """What Upload-Metadata may say of a file; `sha256` in hex."""

    filename: Filename
    alt: Alt
    contentType: ContentType | None
    sha256: Sha256 | None


def promised(call: Call) -> dict[str, Any]:
    """What a creation says of the file. Raises BadRequest, Invalid, BodyTooLarge."""
    headers = call.request.headers
    if "upload-defer-length" in headers or "upload-concat" in headers:
        raise BadRequest("Say Upload-Length, and send one upload: lengths are not deferred here, nor uploads joined.")
    size = tus.number("Upload-Length", headers.get("upload-length"))
    check_size(size, call.principal.plan)
    sent = headers.get("upload-metadata")
    return {**_described(tus.metadata(sent or "")), "size": size, "metadata": sent}


def check_size(size: int, plan: str) -> None:
    """Raises Invalid for an empty file, BodyTooLarge for one that is larger than the plan has it."""
    if size == 0:
        raise Invalid("The file is empty.", errors=[Fault("", "must hold at least one byte")])
    if size > (limit := PLANS[plan].media_bytes):
        raise BodyTooLarge(f"An upload may have at most {limit} bytes.", extra={"limit": limit})


def _described(said: dict[str, str]) -> dict[str, Any]:
    described = {
        "filename": disposition.clean(said.get("filename") or said.get("name") or ""),
        "alt": said.get("alt") or None,
        "contentType": promises.plain(said.get("filetype")) or None,
        "sha256": said.get("sha256", "").lower() or None,
    }
    if faults := list(validation.unsafe(described)):
        raise validation.refusal(faults)
    validation.convert(described, _Promise)
    return described


def has_chunk(request: Request) -> bool:
    """Whether a creation brings the first bytes. Raises UnsupportedMediaType for a body of another type."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return False
    check_chunk(request)
    return True


def check_chunk(request: Request) -> None:
    """Raises UnsupportedMediaType where a chunk does not say that it is one."""
    if request.headers.get("content-type") != tus.CHUNK_TYPE:
        raise UnsupportedMediaType(f"Send Content-Type: {tus.CHUNK_TYPE}.")


def check_sent(request: Request) -> None:
    """Raises BadRequest where a header of the protocol is no such thing, be it needed here or not."""
    if (offset := request.headers.get("upload-offset")) is not None:
        tus.number("Upload-Offset", offset)
    if (checksum := request.headers.get("upload-checksum")) is not None:
        tus.checksum(checksum)


def check_offset(sent: int, offset: int) -> None:
    """Raises OffsetMismatch where a chunk does not go on where the upload has come to."""
    if sent != offset:
        raise OffsetMismatch(
            f"The upload has come to {offset}, and the chunk begins at {sent}; ask with HEAD where to go on.",
            headers={"Upload-Offset": str(offset)},
            extra={"offset": offset},
        )


def check_kind(upload: Document) -> None:
    """Raises Conflict where the bytes are to go elsewhere."""
    if upload["kind"] != "tus":
        raise Conflict("The bytes of this upload go to the store, by the requests that were signed for it.")


def progress(upload: Document) -> dict[str, str]:
    """How far it has come, and what the client said of it when it began."""
    said = {"Upload-Length": str(upload["size"])}
    if upload["offset"] is not None:
        said["Upload-Offset"] = str(upload["offset"])
    if upload.get("metadata"):
        said["Upload-Metadata"] = upload["metadata"]
    return said | _expiry(upload)


def told(upload: Document, status: int, headers: dict[str, str]) -> Response:
    """The answer to bytes that were kept."""
    return Response(status_code=status, headers={**headers, "Upload-Offset": str(upload["offset"]), **_expiry(upload)})


def told_finished(medium: Document) -> Response:
    """The answer to the last of them."""
    location = f"{MEDIA_PATH}/{medium['_id']}"
    return Response(status_code=204, headers={"Upload-Offset": str(medium["size"]), "Location": location})


def _expiry(upload: Document) -> dict[str, str]:
    return {"Upload-Expires": http_dates.from_time(upload["expiresAt"])} if upload.get("expiresAt") else {}
