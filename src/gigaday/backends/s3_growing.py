"""Objects that grow in S3: an upload in parts, and beside it an object that holds what is too little for a part."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, NamedTuple

from msgspec.structs import replace

from gigaday.backends.s3 import GROWING, S3Objects
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_parts import Cutter, Kept, Send, Sizes
from gigaday.backends.source import Source
from gigaday.contracts import Clock, Growth, Part
from gigaday.errors import ObjectMissing
from gigaday.rules.object_keys import check

_HELD_SECONDS = 30 * 24 * 3600


class Handle(NamedTuple):
    """What a growth's handle says: the upload, the object that holds the tail apart, and the one that did before. That
    one is deleted a call later, when surely nobody goes on from there."""

    upload: str
    tail: str = ""
    before: str = ""

    @classmethod
    def of(cls, growth: Growth) -> "Handle":
        return cls(*growth.handle.split(" "))

    def __str__(self) -> str:
        return " ".join(self).rstrip()


class GrowingS3(S3Objects):
    """`GrowingStore` on one bucket."""

    def __init__(
        self,
        bucket: str,
        client: S3Client,
        *,
        endpoint: str | None,
        region: str,
        credentials: S3Credentials,
        clock: Clock,
        sizes: Sizes | None = None,
    ) -> None:
        super().__init__(bucket, endpoint=endpoint, region=region, credentials=credentials)
        self._client, self._clock, self._sizes = client, clock, sizes or Sizes()

    async def start(self, key: str, content_type: str) -> Growth:
        made = await self._client.call("create_multipart_upload", Key=check(key), ContentType=content_type)
        return Growth(key, str(Handle(made["UploadId"])))

    async def append(self, growth: Growth, chunks: AsyncIterator[bytes], kept: Kept | None = None) -> Growth:
        handle, source = Handle.of(growth), Source(chunks)
        held = await self._held(growth)
        begun = replace(
            growth, handle=str(Handle(handle.upload, "", handle.tail)), offset=growth.offset - len(held), tail=0
        )
        grown, rest = await Cutter(begun, held, self._sizes, self._sender(growth), kept).run(source)
        if kept is None:
            source.end()
        if grown.offset + len(rest) > growth.offset:
            if not held and grown.parts == growth.parts:  # nothing has told yet that the upload is still there
                await self._client.call("list_parts", Key=growth.key, UploadId=handle.upload, MaxParts=1)
            growth = await self._hold(grown, rest)
            await self._drop(handle.before)
            if source.error is not None and kept is not None:
                # What came is worth keeping: whoever sent it can go on from there.
                await kept(growth)
        source.end()
        return growth

    async def complete(self, growth: Growth) -> int:
        upload = Handle.of(growth).upload
        try:
            parts = [{"PartNumber": part.number, "ETag": part.tag} for part in await self._parts(growth)]
            await self._client.call(
                "complete_multipart_upload", Key=growth.key, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except ObjectMissing:
            if await self.size(growth.key) != growth.offset:
                raise
        await self._drop_all(upload)
        return growth.offset

    async def abandon(self, growth: Growth) -> None:
        upload = Handle.of(growth).upload
        with suppress(ObjectMissing):
            await self._client.call("abort_multipart_upload", Key=growth.key, UploadId=upload)
        await self._drop_all(upload)

    async def unfinished(self, prefix: str) -> AsyncIterator[tuple[Growth, float]]:
        async for page in self._client.pages("list_multipart_uploads", Prefix=prefix):
            for found in page.get("Uploads", ()):
                if found["Key"].startswith(prefix):  # Swift tells of more: it names uploads below their keys
                    yield Growth(found["Key"], str(Handle(found["UploadId"]))), found["Initiated"].timestamp()

    async def tidy(self) -> None:
        """Removes what is held apart of uploads that are long gone. The uploads are left to the bucket's rule
        AbortIncompleteMultipartUpload, and to whoever asks for those unfinished."""
        old = self._clock.now() - _HELD_SECONDS
        async for found in self._listed(GROWING):
            if found["LastModified"].timestamp() < old:
                await self._drop(found["Key"].removeprefix(GROWING))

    async def close(self) -> None:
        self._client.close()
        await super().close()

    def _sender(self, growth: Growth) -> Send:
        async def send(number: int, body: bytes | bytearray) -> str:
            sent = await self._client.call(
                "upload_part", Key=growth.key, UploadId=Handle.of(growth).upload, PartNumber=number, Body=body
            )
            return str(sent["ETag"])

        return send

    async def _parts(self, growth: Growth) -> tuple[Part, ...]:
        """All of them: what is held apart becomes the last, which may be small; and there is at least one."""
        if growth.parts and not growth.tail:
            return growth.parts
        held, number = await self._held(growth), growth.parts[-1].number + 1 if growth.parts else 1
        return (*growth.parts, Part(number, len(held), await self._sender(growth)(number, held)))

    async def _held(self, growth: Growth) -> bytes:
        if not growth.tail:
            return b""
        found = await self._client.call("get_object", Key=GROWING + Handle.of(growth).tail)
        held: bytes = found["Body"]
        if len(held) != growth.tail:
            raise ObjectMissing(growth.key)
        return held

    async def _hold(self, growth: Growth, rest: bytes) -> Growth:
        """The growth with `rest` held apart at its end."""
        if not rest:
            return growth
        handle = Handle.of(growth)
        tail = _folder(handle.upload) + secrets.token_hex(8)
        await self._client.call("put_object", Key=GROWING + tail, Body=rest)
        return replace(growth, handle=str(handle._replace(tail=tail)), offset=growth.offset + len(rest), tail=len(rest))

    async def _drop(self, tail: str) -> None:
        if tail:
            await self._client.call("delete_object", Key=GROWING + tail)

    async def _drop_all(self, upload: str) -> None:
        async for found in self._listed(GROWING + _folder(upload)):
            await self._drop(found["Key"].removeprefix(GROWING))

    async def _listed(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        async for page in self._client.pages("list_objects_v2", Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found


def _folder(upload: str) -> str:
    """Where what is held apart of an upload lies, below `GROWING`."""
    return hashlib.sha256(upload.encode()).hexdigest()[:32] + "/"
