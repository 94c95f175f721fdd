"""Objects in a local folder: the embedded default.

A put streams into `.partial/` on the same file system, is synced, then renamed into place; so a key is there whole or
not at all, whenever the process dies.
"""

import asyncio
import functools
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from gigaday.backends import folder_files as files
from gigaday.backends.folder_files import PARTIAL, off_loop
from gigaday.contracts import StoredObject
from gigaday.errors import BackendDown, ObjectMissing
from gigaday.rules.object_keys import check

_BLOCK = 1 << 20
_STALE_SECONDS = 900
_LISTED_AT_ONCE = 500


class FolderStore:
    """`ObjectStore` and `LocalFiles` on `root`; several processes may share it. `sync_folder` makes a folder's entries
    durable."""

    def __init__(self, root: Path, *, sync_folder: Callable[[Path], None] = files.sync_folder) -> None:
        self._root = root
        self._partial = root / PARTIAL
        self._sync_folder = sync_folder

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        target = self.file(key)
        partial = self._partial / secrets.token_hex(16)
        try:
            size = await self._receive(partial, chunks)
            await self._publish(partial, target)
        finally:
            files.discard(partial)
        return size

    async def _publish(self, partial: Path, target: Path) -> None:
        try:
            await off_loop(lambda: self._move(partial, target))
        except asyncio.CancelledError:
            # It went through all the same, but nobody will hear of it.
            files.discard(target)
            raise

    def _move(self, partial: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        self._sync_above(target)

    def _sync_above(self, path: Path) -> None:
        # All the way up: a folder may be new, or made just now by another put that has not synced it yet.
        for folder in path.parents:
            self._sync_folder(folder)
            if folder == self._root:
                break

    async def _receive(self, partial: Path, chunks: AsyncIterator[bytes]) -> int:
        file = await off_loop(lambda: files.create(partial))
        size = 0
        try:
            async for block in files.coalesced(chunks):
                await off_loop(functools.partial(files.write, file, block))
                size += len(block)
            await off_loop(lambda: files.sync(file))
        finally:
            file.close()
        return size

    async def size(self, key: str) -> int | None:
        path = self.file(key)
        return await off_loop(lambda: files.size(path))

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        path = self.file(key)
        file = await off_loop(lambda: files.opened(path))
        if file is None:
            raise ObjectMissing(key)
        with file:
            file.seek(start)
            left = end - start
            while left > 0 and (block := await off_loop(functools.partial(file.read, min(_BLOCK, left)))):
                left -= len(block)
                yield block

    async def delete(self, key: str) -> None:
        path = self.file(key)
        await off_loop(lambda: files.delete(path))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        found = files.walk(self._root, prefix)
        while some := await off_loop(lambda: list(islice(found, _LISTED_AT_ONCE))):
            for stored in some:
                yield stored

    async def ping(self) -> None:
        await off_loop(lambda: _usable(self._root))

    async def tidy(self) -> None:
        await off_loop(self._sweep)

    async def close(self) -> None:
        """Nothing: every put cleans up after itself."""

    def file(self, key: str) -> Path:
        return self._root.joinpath(*check(key).split("/"))

    def _sweep(self) -> None:
        """What puts have left; what grows is not of one process, and is for whoever keeps its growth to abandon."""
        old = time.time() - _STALE_SECONDS
        for path in self._partial.glob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < old:
                    path.unlink()


def _usable(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise BackendDown("the objects' folder cannot be written")
