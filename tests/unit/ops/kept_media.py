"""Media of a tenant `acme` on real SQLite and a real folder, with what keeps them, and a clock that tests move."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from gigaday.backends.folder_growing import GrowingFolder
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import OPERATOR, Document, Insert
from gigaday.model.media import MEDIA, REAPING, TRASH
from gigaday.model.storage import STORAGE
from gigaday.model.tenant import TENANTS
from gigaday.model.upload import UPLOADS
from gigaday.ops import reaping
from gigaday.ops.claims import Claims
from gigaday.ops.media_making import MediaMaking
from gigaday.ops.quota import Quota
from gigaday.ops.reaper import Reaped, Reaper
from gigaday.ops.removal import Removal
from gigaday.ops.trash import Trash
from gigaday.ops.uploads import Uploads
from gigaday.rules import ids
from gigaday.rules.storage_keys import storage_key
from tests.clocks import HandClock

TENANT = "acme"
DAY = 24 * 3600.0
NOW = 1_800_000_000.0


class Kept:
    """All that keeps media, as `compose.media` wires it. Files are as old as the clock says."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = HandClock(NOW), folder / "objects"
        self.documents = SqliteStore.open(folder / "media.sqlite")
        self.objects = GrowingFolder(self.folder, self.clock)
        self.quota = Quota(self.documents)
        self.claims = Claims(self.documents, self.clock)
        self.removal = Removal(self.claims, self.objects, self.quota)
        self.trash = Trash(self.documents, self.objects, self.clock, self.claims, self.removal)
        self.making = MediaMaking(self.documents, self.objects, self.quota, self.clock)
        self.uploads = Uploads(self.documents, self.objects, self.clock, self.quota, self.removal, storage_key)
        self._made = 0

    def new_id(self) -> str:
        self._made += 1
        return ids.make(self.clock.now(), self._made.to_bytes(10, "big"))

    async def stored(self, content: bytes, key: str = "") -> str:
        """The key of bytes that have just been stored."""
        key = key or storage_key(TENANT, self.new_id())
        await self.objects.put(key, once(content), "")
        os.utime(self.folder / key, (self.clock.now(), self.clock.now()))
        return key

    def aged(self, key: str, seconds: float) -> str:
        """The key of bytes that are now as old as that."""
        os.utime(self.folder / key, (self.clock.now() - seconds,) * 2)
        return key

    async def uploaded(self, content: bytes, **more: Any) -> Document:
        """A medium, as a plain upload makes it."""
        id = self.new_id()
        key = await self.stored(content, storage_key(TENANT, id))
        await self.quota.reserve(TENANT, 0, len(content))
        return await self.making.make(TENANT, id, fields(content, **more), key)

    async def medium(self, id: str) -> Document | None:
        return await self.documents.get(MEDIA, TENANT, id)

    def keys(self) -> set[str]:
        """Of all objects."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and ".partial" not in path.parts
        }

    def reaper(self, *, dry: bool = False, grace: float = DAY) -> Reaper:
        return Reaper(self.documents, self.objects, self.clock, self.claims, self.uploads, self.removal, self.trash,
                      grace=grace, dry=dry)  # fmt: skip

    async def reaped(self, *, dry: bool = False, grace: float = DAY) -> list[Reaped]:
        return [found async for found in reaping.run(self.documents, self.reaper(dry=dry, grace=grace))]


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def fields(content: bytes, **more: Any) -> dict[str, Any]:
    """What an upload tells of these bytes."""
    return {
        "filename": "a.txt", "alt": None, "contentType": "text/plain", "size": len(content),
        "sha256": sha256(content).hexdigest(), "width": None, "height": None, **more,
    }  # fmt: skip


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Kept]:
    kept = Kept(folder)
    await kept.documents.prepare((MEDIA, TRASH, REAPING, UPLOADS, STORAGE, TENANTS))
    await kept.documents.write(TENANTS, OPERATOR, [Insert({"_id": TENANT, "createdBy": OPERATOR, "version": 1})])
    try:
        yield kept
    finally:
        await kept.documents.close()
