"""Uploads: of files that are large, that must survive a broken connection, or that pass the node by."""

from typing import Any

import msgspec

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import PUBLIC, Handler, Operation, Parameter
from gigaday.api.presigned import Presigned
from gigaday.api.reading import Reading
from gigaday.api.resource import list_parameters
from gigaday.api.tus import LARGEST, Tus, speaking
from gigaday.api.tus_headers import UPLOADS_PATH
from gigaday.api.upload import STALL_SECONDS
from gigaday.contracts import GrowingStore, Presigner
from gigaday.model.media import Media
from gigaday.model.upload import UPLOADS, DirectUpload, NewUpload, SignedParts, Upload, WantedParts
from gigaday.ops.upload_digests import Digests
from gigaday.ops.upload_making import Making, UploadMaking
from gigaday.ops.uploads import Uploads
from gigaday.rules import tus

RESOURCE = Resource(
    name="uploads",
    singular="upload",
    collection=UPLOADS,
    create=NewUpload,
    patch=NewUpload,
    answer=Upload,
    filters={"createdAt": "time"},
    sorts=("_id", "createdAt"),
    example={
        "filename": "bar-stool.png", "size": 48_213, "contentType": "image/png", "alt": "A bar stool of oak",
        "sha256": "8d7f94b1dd0e99292cc0e4b67842f26f4b3ba94f6f8591c18e4fe349df41c8b3",
    },
)  # fmt: skip
_ITEM = f"{UPLOADS_PATH}/{{id}}"
_READ, _WRITE = "media:read", "media:write"


def operations(
    origin: Origin,
    objects: GrowingStore,
    uploads: Uploads,
    making: Making,
    signer: Presigner | None,
    stall: float = STALL_SECONDS,
) -> list[Operation]:
    """By tus, by signed requests, and what is common to both. A body may pause for `stall` seconds."""
    digests = Digests()
    finishing = UploadMaking(objects, uploads, making, digests)
    resumable = Tus(uploads, objects, finishing, digests, stall)
    return [*_tus(resumable), *_direct(Presigned(origin, uploads, objects, signer, finishing)), _list(origin)]


def _list(origin: Origin) -> Operation:
    return _operation("GET", UPLOADS_PATH, "list_uploads", "List the uploads under way", Reading(RESOURCE, origin).list,
                      scope=_READ, cost=2, answer=("page", Upload),
                      parameters=list_parameters(RESOURCE.listable))  # fmt: skip


def _tus(work: Tus) -> list[Operation]:
    chunk: dict[str, Any] = {
        "body": bytes, "body_types": (tus.CHUNK_TYPE,), "body_required": False, "body_cap": LARGEST, "streams": True
    }  # fmt: skip
    refused = (404, 408, 409, 410, 412, 423)
    return [
        _operation("OPTIONS", UPLOADS_PATH, "describe_uploads", "What of tus 1.0 is spoken here",
                   speaking(work.options), scope=PUBLIC, success=204),
        _operation("OPTIONS", _ITEM, "describe_upload", "The same", speaking(work.options), scope=PUBLIC, success=204),
        _operation("POST", UPLOADS_PATH, "create_upload", "Begin a resumable upload", speaking(work.create), cost=10,
                   success=201, answer_types=(), errors=(408, 412, 460),
                   parameters=(_RESUMABLE, _LENGTH, _METADATA, _CHECKSUM), **chunk),
        _operation("PATCH", _ITEM, "append_to_upload", "Send the next bytes", speaking(work.append), success=204,
                   errors=(*refused, 460), parameters=(_RESUMABLE, _OFFSET, _CHECKSUM), **chunk),
        _operation("GET", _ITEM, "read_upload", "How far an upload has come", speaking(work.status), scope=_READ,
                   answer=Upload, errors=(404, 410, 412, 422, 423), parameters=(_optional(_RESUMABLE),), streams=True),
        _operation("DELETE", _ITEM, "delete_upload", "Give an upload up", speaking(work.end), success=204,
                   errors=(404, 410, 412, 423), parameters=(_optional(_RESUMABLE),)),
        _operation("POST", _ITEM, "override_upload", "PATCH or DELETE, for clients that can send neither",
                   speaking(work.override), success=204, errors=(*refused, 405, 460),
                   parameters=(_OVERRIDE, _RESUMABLE, _optional(_OFFSET), _CHECKSUM), **chunk),
    ]  # fmt: skip


def _direct(work: Presigned) -> list[Operation]:
    return [
        _operation("POST", f"{UPLOADS_PATH}/presigned", "create_direct_upload",
                   "Begin an upload that passes the node by", work.create, cost=10, success=201, body=NewUpload,
                   example=RESOURCE.example, answer=DirectUpload, idempotent=True, errors=(409,)),
        _operation("POST", f"{_ITEM}/parts", "sign_parts", "Sign the requests that store parts", work.sign,
                   body=WantedParts, example={"parts": [{"number": 1}, {"number": 2}]}, answer=SignedParts,
                   errors=(404, 409, 410)),
        _operation("POST", f"{_ITEM}/commit", "commit_upload", "Make the medium of what has been stored", work.commit,
                   success=201, answer=Media, idempotent=True, streams=True, errors=(404, 410, 422, 423)),
    ]  # fmt: skip


def _operation(method: str, path: str, name: str, summary: str, handle: Handler, *, scope: str = _WRITE,
               **more: Any) -> Operation:  # fmt: skip
    return Operation(method, path, name, summary, handle, scope, "media", **more)


def _optional(parameter: Parameter) -> Parameter:
    return msgspec.structs.replace(parameter, required=False)


def _header(name: str, schema: dict[str, Any], description: str, *, required: bool = False) -> Parameter:
    return Parameter(name, schema, description, "header", required)


_BYTES = {"type": "integer", "minimum": 0}
_RESUMABLE = _header("Tus-Resumable", {"const": tus.VERSION}, "The protocol's version.", required=True)
_LENGTH = _header("Upload-Length", {"type": "integer", "minimum": 1}, "The file's size in bytes.", required=True)
_OFFSET = _header("Upload-Offset", _BYTES, "Where the chunk begins: where the upload has come to.", required=True)
_METADATA = _header(
    "Upload-Metadata", {"type": "string"},
    "`filename`, `filetype`, `alt` and `sha256` (hex), each with its value as Base64, separated by commas.",
)  # fmt: skip
_CHECKSUM = _header(
    "Upload-Checksum", {"type": "string"}, f"Of the body: {', '.join(tus.ALGORITHMS)}, then the digest as Base64."
)
_OVERRIDE = _header("X-HTTP-Method-Override", {"enum": ["PATCH", "DELETE"]}, "The method that is meant.", required=True)
