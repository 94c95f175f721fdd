"""Objects that grow in the local folder: one file each under `.partial/growing/<key>/`, renamed once it is whole."""

import asyncio
import fcntl
import functools
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from gigaday.backends import folder_files as files
from gigaday.backends.folder import FolderStore
from gigaday.backends.folder_files import PARTIAL, off_loop
from gigaday.backends.source import Source
from gigaday.contracts import Clock, Growth
from gigaday.errors import BackendBusy, BackendDown, ObjectMissing
from gigaday.rules.object_keys import check

Kept = Callable[[Growth], Awaitable[None]]
_GROWING = "growing"
_HANDLE = re.compile(r"\.(\d+)-[0-9a-f]{24}")
_KEPT_EVERY = 16 << 20
_LISTED_AT_ONCE = 500
_ATTEMPTS = 10


class GrowingFolder(FolderStore):
    """`GrowingStore` and `LocalFiles` on `root`. A growth's handle is its file's name, which tells when it began."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        kept_every: int = _KEPT_EVERY,
        sync_folder: Callable[[Path], None] = files.sync_folder,
    ) -> None:
        super().__init__(root, sync_folder=sync_folder)
        self._growing, self._clock, self._kept_every = root / PARTIAL / _GROWING, clock, kept_every

    async def start(self, key: str, content_type: str) -> Growth:
        # No segment of a key begins with a dot: the file lies in the way of no other key's folder.
        growth = Growth(check(key), f".{int(self._clock.now())}-{secrets.token_hex(12)}")
        path = self._file_of(growth)
        await off_loop(lambda: self._create(path))
        return growth

    async def append(self, growth: Growth, chunks: AsyncIterator[bytes], kept: Kept | None = None) -> Growth:
        path = self._file_of(growth)
        file = await off_loop(lambda: _at(path, growth.offset))
        if file is None:
            raise ObjectMissing(growth.key)
        with file:
            return await _Appending(file, growth, kept, self._kept_every).run(chunks)

    async def complete(self, growth: Growth) -> int:
        partial, target = self._file_of(growth), self.file(growth.key)
        await off_loop(lambda: self._complete(partial, target, growth.offset))
        return growth.offset

    async def abandon(self, growth: Growth) -> None:
        partial = self._file_of(growth)
        await off_loop(lambda: self._abandon(partial))

    async def unfinished(self, prefix: str) -> AsyncIterator[tuple[Growth, float]]:
        found = files.walk(self._growing, prefix)
        while some := await off_loop(lambda: list(islice(found, _LISTED_AT_ONCE))):
            for stored in some:
                key, _, handle = stored.key.rpartition("/")
                if key.startswith(prefix) and (named := _HANDLE.fullmatch(handle)):
                    yield Growth(key, handle), float(named[1])

    def _file_of(self, growth: Growth) -> Path:
        folder = self._growing.joinpath(*check(growth.key).split("/"))
        if not _HANDLE.fullmatch(growth.handle):
            raise ObjectMissing(growth.key)
        return folder / growth.handle

    def _create(self, path: Path) -> None:
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):  # its folder was cleared away, as empty, between being made and used
                files.create(path).close()
                self._sync_above(path)
                return
        raise BackendDown("the objects' folder changes too fast")

    def _complete(self, partial: Path, target: Path, size: int) -> None:
        file = _at(partial, size)
        if file is not None:
            with file:
                files.sync(file)
            self._move(partial, target)
            self._clear(partial.parent)
        elif files.size(target) == size:
            self._sync_above(target)  # whoever has moved it may have died before this
        else:
            raise ObjectMissing(str(target.relative_to(self._root)))

    def _abandon(self, partial: Path) -> None:
        files.delete(partial)
        self._clear(partial.parent)

    def _clear(self, folder: Path) -> None:
        """Removes the folders that nothing grows in any more."""
        with suppress(OSError):
            while folder != self._growing:
                folder.rmdir()
                folder = folder.parent


class _Appending:
    """One call of `append`: `growth` is as far as it is safe. What was written goes to the disk while more comes in."""

    def __init__(self, file: BinaryIO, growth: Growth, kept: Kept | None, every: int) -> None:
        self._file, self._growth, self._kept, self._every = file, growth, kept, every
        self._written = growth.offset
        self._syncing: list[asyncio.Task[Growth]] = []
        """One at most."""

    async def run(self, chunks: AsyncIterator[bytes]) -> Growth:
        source = Source(chunks)
        try:
            async for block in files.coalesced(source):
                await off_loop(functools.partial(files.write, self._file, block))
                self._written += len(block)
                await self._keep_now_and_then()
        finally:
            await asyncio.gather(*self._syncing, return_exceptions=True)
        for syncing in self._syncing:
            syncing.result()  # the disk tells of an error but once: syncing again would seem to succeed
        if self._kept is None:
            source.end()
        growth = await self._safe()
        if source.error is not None and self._kept is not None:
            # What came is worth keeping: whoever sent it can go on from there.
            await self._kept(growth)
        source.end()
        return growth

    async def _keep_now_and_then(self) -> None:
        if self._kept is None:
            return
        behind = self._written - self._growth.offset
        if self._syncing and (self._syncing[0].done() or behind >= 2 * self._every):
            await asyncio.wait(self._syncing)
            self._growth = self._syncing.pop().result()
            await self._kept(self._growth)
        if not self._syncing and self._written - self._growth.offset >= self._every:
            self._syncing.append(asyncio.create_task(self._safe()))

    async def _safe(self) -> Growth:
        growth = msgspec.structs.replace(self._growth, offset=self._written)
        await off_loop(lambda: files.sync(self._file))
        return growth


def _at(path: Path, offset: int) -> BinaryIO | None:
    """The growing file cut off at `offset`, to be written from there; None where it is not, or has not come so far.
    Raises BackendBusy while another writes it: whoever was taken for dead must not write into it later."""
    file = files.opened(path, "r+b")
    if file is None:
        return None
    with ExitStack() as unless_usable:
        unless_usable.callback(file.close)
        if not _alone(file, path) or file.seek(0, os.SEEK_END) < offset:
            return None
        file.truncate(offset)
        file.seek(offset)
        unless_usable.pop_all()
    return file


def _alone(file: BinaryIO, path: Path) -> bool:
    """Locks it until it is closed; False where it was completed or abandoned between being opened and locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackendBusy("another request is still writing to this object") from None
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
