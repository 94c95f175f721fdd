"""What the folder's store does to files, off the event loop and down to the disk."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from gigaday.contracts import StoredObject
from gigaday.errors import BackendDown, BackendFull

T = TypeVar("T")
PARTIAL = ".partial"
"""The folder of what is not whole yet; no key begins so."""
_BLOCK = 1 << 20
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What a key meets that is no object: also one that is the folder of others, or that would lie below an object."""


async def off_loop(work: Callable[[], T]) -> T:
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


async def coalesced(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Blocks of about 1 MiB: one thread hop each, whatever size the network delivers."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb", buffering=0)


def opened(path: Path, mode: str = "rb") -> BinaryIO | None:
    """The file, or None where there is none."""
    try:
        return path.open(mode, buffering=0)  # type: ignore[return-value]  # by a mode that is not literal
    except _MISSING:
        return None


def write(file: BinaryIO, block: bytes) -> None:
    """All of it: an unbuffered write may take less, and a buffered one would fail again when the file is closed."""
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


def sync(file: BinaryIO) -> None:
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def size(path: Path) -> int | None:
    """The file's size in bytes, or None where there is none."""
    try:
        found = path.stat()
    except _MISSING:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def delete(path: Path) -> None:
    with suppress(*_MISSING):
        path.unlink()


def discard(path: Path) -> None:
    """Deletes it, if it can be."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def walk(root: Path, prefix: str) -> Iterator[StoredObject]:
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
            if key != PARTIAL and _meet(key + "/", prefix):
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
