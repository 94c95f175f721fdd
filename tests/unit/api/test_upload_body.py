import asyncio
import hashlib
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from gigaday.api.upload import BodyStalled
from gigaday.api.upload_body import UploadBody
from gigaday.errors import BadRequest, BodyTooLarge, ChecksumMismatch, Locked
from gigaday.rules.tus import Checksum

MIB = 1 << 20


def request(chunks: Iterable[bytes], end: str = "whole", **headers: str) -> Request:
    """A PATCH whose body comes in `chunks`; it ends "whole", "cut" by its client, or "stalled"."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    last = {"whole": {"type": "http.request", "body": b""}, "cut": {"type": "http.disconnect"}}
    messages += [last[end]] if end in last else []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "PATCH", "path": "/", "headers": raw, "query_string": b""}, receive)


def free() -> None:
    """Nobody else is at work."""


def body(request: Request, **more: Any) -> UploadBody:
    given = {"room": 10 * MIB, "stall": 5.0, "checksum": None, "digest": None, "check": free, **more}
    return UploadBody(request, **given)


async def taken(body: UploadBody) -> bytes:
    return b"".join([block async for block in body.blocks()])


async def test_the_bytes_come_through_in_few_blocks_and_are_hashed():
    data = bytes(range(256)) * 16_384
    digest = hashlib.sha256(b"before")
    coming = body(request([data[at : at + 5_000] for at in range(0, len(data), 5_000)]), digest=digest)
    blocks = [block async for block in coming.blocks()]
    assert b"".join(blocks) == data and len(blocks) <= 5
    assert digest.hexdigest() == hashlib.sha256(b"before" + data).hexdigest()
    assert coming.cut is None


@pytest.mark.parametrize(("end", "error"), [("cut", ClientDisconnect), ("stalled", BodyStalled)])
async def test_what_came_before_the_client_vanished_counts(end, error):
    digest = hashlib.sha256()
    coming = body(request([b"some", b"thing"], end), stall=0.01, digest=digest)
    assert await taken(coming) == b"something"
    assert isinstance(coming.cut, error)
    assert digest.hexdigest() == hashlib.sha256(b"something").hexdigest()


async def test_a_right_checksum_passes_and_a_wrong_one_does_not():
    for data, passes in ((b"chunk", True), (b"chunK", False)):
        checksum = Checksum("sha1", hashlib.sha1(b"chunk").digest())
        coming = body(request([data]), checksum=checksum)
        if passes:
            assert await taken(coming) == b"chunk"
        else:
            with pytest.raises(ChecksumMismatch):
                await taken(coming)


async def test_a_chunk_with_a_checksum_that_is_cut_off_does_not_count():
    checksum = Checksum("md5", hashlib.md5(b"chunk").digest())
    with pytest.raises(ClientDisconnect):
        await taken(body(request([b"chunk"], "cut"), checksum=checksum))


async def test_more_than_is_still_to_come_is_refused_before_it_is_read_where_it_is_announced():
    with pytest.raises(BodyTooLarge):
        body(request([b"never read"], content_length="11"), room=10)
    with pytest.raises(BodyTooLarge):
        await taken(body(request([b"12345", b"678901"]), room=10))
    assert await taken(body(request([b"12345", b"67890"], content_length="10"), room=10)) == b"1234567890"


async def test_a_body_of_another_length_than_it_says_is_refused():
    with pytest.raises(BadRequest, match="Content-Length"):
        await taken(body(request([b"123"], content_length="4")))


async def test_nothing_more_is_handed_on_once_another_may_be_at_work():
    lost = False

    def check() -> None:
        if lost:
            raise Locked

    blocks = body(request([b"x" * MIB] * 3), check=check).blocks()
    assert len(await anext(blocks)) == MIB
    lost = True
    with pytest.raises(Locked):
        await anext(blocks)
