import base64
from typing import Any

import pytest
from starlette.requests import Request

from gigaday.api.operation import Call
from gigaday.api.tus_headers import check_offset, has_chunk, progress, promised
from gigaday.errors import ApiError, BadRequest, BodyTooLarge, Invalid, OffsetMismatch, UnsupportedMediaType
from gigaday.model.request import Principal


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""})


def call(**headers: str) -> Call:
    return Call(request(**headers), Principal("t", "acme", frozenset(), "free"), {}, "id")


def metadata(**said: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())


def test_a_creation_tells_what_the_file_is():
    sent = metadata(filename="../a.png", filetype="image/JPG", alt="Grün", sha256="AB" * 32)
    assert promised(call(upload_length="12", upload_metadata=sent)) == {
        "filename": "a.png", "contentType": "image/jpeg", "alt": "Grün", "sha256": "ab" * 32, "size": 12,
        "metadata": sent,
    }  # fmt: skip


def test_a_creation_needs_tell_no_more_than_the_size():
    told = promised(call(upload_length="12"))
    assert (told["filename"], told["contentType"], told["alt"], told["sha256"]) == ("upload", None, None, None)


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (BadRequest, {}),
        (BadRequest, {"upload_length": "12", "upload_defer_length": "1"}),
        (BadRequest, {"upload_length": "12", "upload_concat": "partial"}),
        (Invalid, {"upload_length": "0"}),
        (BodyTooLarge, {"upload_length": str((32 << 20) + 1)}),
        (Invalid, {"upload_length": "12", "upload_metadata": metadata(sha256="abc")}),
        (Invalid, {"upload_length": "12", "upload_metadata": metadata(alt="x" * 1001)}),
        (Invalid, {"upload_length": "12", "upload_metadata": metadata(alt="a\0b")}),
        (Invalid, {"upload_length": "12", "upload_metadata": metadata(filetype="<b>")}),
    ],
)
def test_a_creation_that_cannot_be_is_refused(error: type[ApiError], headers: dict[str, Any]):
    with pytest.raises(error):
        promised(call(**headers))


def test_a_creation_brings_bytes_where_it_has_a_body_of_the_right_type():
    kind = "application/offset+octet-stream"
    assert has_chunk(request(content_type=kind, content_length="5"))
    assert has_chunk(request(content_type=kind, transfer_encoding="chunked"))
    assert not has_chunk(request(content_type=kind, content_length="0"))
    assert not has_chunk(request())
    with pytest.raises(UnsupportedMediaType):
        has_chunk(request(content_length="5"))


def test_a_chunk_that_does_not_fit_is_told_where_to_go_on():
    with pytest.raises(OffsetMismatch) as refused:
        check_offset(3, 5)
    assert refused.value.headers["Upload-Offset"] == "5"


def test_progress_repeats_what_the_client_said():
    upload = {"size": 9, "offset": 4, "metadata": "a YQ==", "expiresAt": "2026-11-25T10:00:00.000Z"}
    assert progress(upload) == {
        "Upload-Length": "9", "Upload-Offset": "4", "Upload-Metadata": "a YQ==",
        "Upload-Expires": "Wed, 25 Nov 2026 10:00:00 GMT",
    }  # fmt: skip
