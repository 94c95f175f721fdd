"""Objects in a local folder: the embedded default.

A put streams into `.partial/` on the same file system, is synced, then renamed into place; so a key is there whole or
not at all, whenever the process dies.
"""

import asyncio
import errno
import functools
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from gigaday.contracts import StoredObject
from gigaday.errors import BackendDown, BackendFull, ObjectMissing
from gigaday.rules.object_keys import check

T = TypeVar("T")
_CHUNK = 1 << 20
_PARTIAL = ".partial"
_STALE_SECONDS = 900


class FolderStore:
    """`ObjectStore` on `root`; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / _PARTIAL

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
            await _off_loop(lambda: _publish(partial, target))
        except asyncio.CancelledError:
            # It went through all the same, but nobody will hear of it.
            _discard(target)
            raise

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
        try:
            return (await _off_loop(path.stat)).st_size
        except FileNotFoundError:
            return None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        path = self._path(key)
        try:
            file = await _off_loop(lambda: path.open("rb"))
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        with file:
            file.seek(start)
            left = end - start
            while left > 0 and (block := await _off_loop(functools.partial(file.read, min(_CHUNK, left)))):
                left -= len(block)
                yield block

    async def delete(self, key: str) -> None:
        path = self._path(key)
        await _off_loop(lambda: path.unlink(missing_ok=True))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        for stored in await _off_loop(lambda: list(_walk(self._root, prefix))):
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
    except FileNotFoundError:
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


def _publish(partial: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _usable(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise BackendDown("the objects' folder cannot be written")


def _walk(root: Path, prefix: str) -> "list[StoredObject]":
    found = []
    for path in root.rglob("*"):
        key = path.relative_to(root).as_posix()
        if path.is_file() and key.startswith(prefix) and not key.startswith(_PARTIAL + "/"):
            stat = path.stat()
            found.append(StoredObject(key, stat.st_size, stat.st_mtime))
    return found
