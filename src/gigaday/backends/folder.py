"""Objects in a local folder: the embedded default.

A put streams into `.partial/` on the same file system, is synced, then renamed into place; so a key is there whole or
not at all, whenever the process dies.
"""

import asyncio
import errno
import functools
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from gigaday.contracts import StoredObject
from gigaday.errors import BackendDown, BackendFull, ObjectMissing
from gigaday.rules.object_keys import check

T = TypeVar("T")
_CHUNK = 1 << 20
_PARTIAL = ".partial"
_STALE_SECONDS = 900
_LISTED_AT_ONCE = 500
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What a key meets that is no object: also one that is the folder of others, or that would lie below an object."""


class FolderStore:
    """`ObjectStore` on `root`; several processes may share it. `sync_folder` makes a folder's entries durable."""

    def __init__(self, root: Path, *, sync_folder: "Callable[[Path], None] | None" = None) -> None:
        self._root = root
        self._partial = root / _PARTIAL
        self._sync_folder = sync_folder or _sync_folder

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        target = self._path(key)
        partial = self._partial / secrets.token_hex(16)
        try:
            size = await self._receive(partial, chunks)
            await self._publish(partial, target)
        finally:
            _discard(partial)
        return size

    async def _publish(self, partial: Path, target: Path) -> None:
        try:
            await _off_loop(lambda: self._move(partial, target))
        except asyncio.CancelledError:
            # It went through all the same, but nobody will hear of it.
            _discard(target)
            raise

    def _move(self, partial: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        # All the way up: a folder may be new, or made just now by another put that has not synced it yet.
        for folder in target.parents:
            self._sync_folder(folder)
            if folder == self._root:
                break

    async def _receive(self, partial: Path, chunks: AsyncIterator[bytes]) -> int:
        file = await _off_loop(lambda: _create(partial))
        size = 0
        try:
            async for block in _coalesced(chunks):
                await _off_loop(functools.partial(_write, file, block))
                size += len(block)
            await _off_loop(lambda: _sync(file))
        finally:
            file.close()
        return size

    async def size(self, key: str) -> int | None:
        path = self._path(key)
        return await _off_loop(lambda: _size(path))

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        path = self._path(key)
        file = await _off_loop(lambda: _opened(path))
        if file is None:
            raise ObjectMissing(key)
        with file:
            file.seek(start)
            left = end - start
            while left > 0 and (block := await _off_loop(functools.partial(file.read, min(_CHUNK, left)))):
                left -= len(block)
                yield block

    async def delete(self, key: str) -> None:
        path = self._path(key)
        await _off_loop(lambda: _delete(path))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        found = _walk(self._root, prefix)
        while some := await _off_loop(lambda: list(islice(found, _LISTED_AT_ONCE))):
            for stored in some:
                yield stored

    async def ping(self) -> None:
        await _off_loop(lambda: _usable(self._root))

    async def tidy(self) -> None:
        await _off_loop(self._sweep)

    async def close(self) -> None:
        """Nothing: every put cleans up after itself."""

    def _sweep(self) -> None:
        old = time.time() - _STALE_SECONDS
        for path in self._partial.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*check(key).split("/"))


async def _coalesced(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Blocks of about `_CHUNK` bytes: one thread hop each, whatever size the network delivers."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _off_loop(work: Callable[[], T]) -> T:
    """The result of `work` in a thread. A cancelled caller first waits for it: what cleans up must come after."""
    step = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BackendFull("the disk is full") from error
        raise BackendDown(f"the objects' folder failed: {error.strerror}") from error


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb", buffering=0)


def _write(file: BinaryIO, block: bytes) -> None:
    """All of it: an unbuffered write may take less, and a buffered one would fail again when the file is closed."""
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


def _sync(file: BinaryIO) -> None:
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _size(path: Path) -> int | None:
    try:
        found = path.stat()
    except _MISSING:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except _MISSING:
        return None


def _delete(path: Path) -> None:
    with suppress(*_MISSING):
        path.unlink()


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _usable(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise BackendDown("the objects' folder cannot be written")


def _walk(root: Path, prefix: str) -> Iterator[StoredObject]:
    """Depth first, one open folder a level. What is deleted meanwhile is left out."""
    levels = [("", _entries(root))]
    while levels:
        above, entries = levels[-1]
        entry = next(entries, None)
        if entry is None:
            levels.pop()
            continue
        key = above + entry.name
        if entry.is_dir(follow_symlinks=False):
            if key != _PARTIAL and _meet(key + "/", prefix):
                levels.append((key + "/", _entries(entry)))
        elif key.startswith(prefix):
            with suppress(*_MISSING):
                found = entry.stat()
                yield StoredObject(key, found.st_size, found.st_mtime)


def _entries(folder: "Path | os.DirEntry[str]") -> "Iterator[os.DirEntry[str]]":
    with suppress(*_MISSING), os.scandir(folder) as entries:
        yield from entries


def _meet(folder: str, prefix: str) -> bool:
    """Whether keys in `folder` may begin with `prefix`."""
    return folder.startswith(prefix) or prefix.startswith(folder)
