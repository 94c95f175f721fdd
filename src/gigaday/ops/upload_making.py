"""The end of an upload: its bytes made whole, held against what was promised, and made a medium."""

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gigaday.contracts import Document, GrowingStore, Growth
from gigaday.errors import BackendDown, Fault, GigadayError, Gone, Invalid, ObjectMissing
from gigaday.ops.upload_digests import Digests
from gigaday.ops.upload_hold import Hold
from gigaday.ops.uploads import Uploads
from gigaday.rules import promises, sniff
from gigaday.rules.dimensions import HEAD, dimensions

if TYPE_CHECKING:
    from hashlib import _Hash


class Making(Protocol):
    """What makes media of stored bytes (`ops.media_making`)."""

    async def make(self, tenant: str, id: str, fields: dict[str, Any], key: str) -> Document:
        """The medium; the same again where an earlier attempt has made it."""


class UploadMaking:
    """Makes media of uploads that are all there. Whatever it is cut off in, doing it again makes the same medium."""

    def __init__(self, objects: GrowingStore, uploads: Uploads, making: Making, digests: Digests) -> None:
        self._objects, self._uploads, self._making, self._digests = objects, uploads, making, digests

    async def finish(self, hold: Hold) -> Document:
        """The medium. Raises Invalid where the bytes are not what was promised, and Gone where they are there no more:
        then there is no upload any more, either. BackendDown, Locked: it can be done again."""
        upload = hold.document
        tenant, id = upload["createdBy"], upload["_id"]
        made = await self._uploads.made(tenant, id)
        if made is None:
            made = await self._made(hold)
        await hold.forget()
        self._digests.forget(id)
        return made

    async def _made(self, hold: Hold) -> Document:
        upload = hold.document
        try:
            await self._complete(upload)
            fields = await self._checked(upload)
        except Invalid:
            await self._uploads.end(hold)
            raise
        except ObjectMissing:
            await self._uploads.end(hold)
            raise Gone("The bytes of this upload are gone; begin another.") from None
        hold.check()  # a long look at the bytes may have outlasted it
        try:
            return await self._making.make(upload["createdBy"], upload["_id"], fields, upload["storageKey"])
        except BackendDown:
            raise
        except GigadayError:
            await hold.forget()  # whoever makes media has removed the bytes and given their room back
            raise

    async def _complete(self, upload: Document) -> None:
        """Raises Invalid where there are fewer or more bytes than was said, ObjectMissing where there are none."""
        if upload["growth"] is not None:
            try:
                await self._objects.complete(msgspec.convert(upload["growth"], Growth))
            except ObjectMissing:
                if await self._objects.size(upload["storageKey"]) is None:
                    raise
        size = await self._objects.size(upload["storageKey"])
        if size is None:
            raise ObjectMissing(upload["storageKey"])
        if size != upload["size"]:
            raise _unlike("size", f"{upload['size']} bytes were promised, and {size} have come")

    async def _checked(self, upload: Document) -> dict[str, Any]:
        """What is known of the bytes."""
        head, sha256 = await self._read(upload)
        if upload["sha256"] not in (None, sha256):
            raise _unlike("sha256", f"{upload['sha256']} was promised, and the bytes have {sha256}")
        promised = promises.plain(upload["contentType"])
        kind = sniff.content_type(head, promised)
        if not promises.fits(promised, kind):
            raise _unlike("contentType", f"{promised} was promised, and the bytes are {kind}")
        width, height = (dimensions(head) if sniff.is_raster(kind) else None) or (None, None)
        return {
            "filename": upload["filename"], "alt": upload["alt"], "contentType": kind, "size": upload["size"],
            "sha256": sha256, "width": width, "height": height,
        }  # fmt: skip

    async def _read(self, upload: Document) -> tuple[bytes, str]:
        """The first bytes and the digest of all, which are read only where nobody has it."""
        key, size = upload["storageKey"], upload["size"]
        known = self._digests.at(upload["_id"], size)
        head = bytearray()
        digest = hashlib.sha256()
        async for block in self._objects.read(key, 0, min(size, HEAD) if known else size):
            if len(head) < HEAD:
                head += block[: HEAD - len(head)]
            if known is None:
                await asyncio.to_thread(digest.update, block)
        return bytes(head), _hex(known or digest)


def _hex(digest: "_Hash") -> str:
    return digest.hexdigest()


def _unlike(field: str, detail: str) -> Invalid:
    return Invalid(f"The bytes are not as promised: {detail}. They were removed.", errors=[Fault(f"/{field}", detail)])
