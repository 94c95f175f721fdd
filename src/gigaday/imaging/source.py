"""An object as a file that a process can read: as it lies, or as a copy for as long as it is read."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from gigaday.contracts import LocalFiles, ObjectStore
from gigaday.errors import ObjectMissing


class Sources:
    """`files` is None where objects do not lie on this machine."""

    def __init__(self, objects: ObjectStore, files: LocalFiles | None = None) -> None:
        self._objects, self._files = objects, files

    @asynccontextmanager
    async def file(self, key: str, size: int) -> AsyncIterator[str]:
        """The path of a file with the object's bytes. Raises ObjectMissing, BackendDown."""
        if self._files is not None:
            if await self._objects.size(key) is None:
                raise ObjectMissing(key)
            yield str(self._files.file(key))
            return
        with tempfile.NamedTemporaryFile(prefix="gigaday-image-") as copy:
            await self._fill(copy, key, size)
            yield copy.name

    async def _fill(self, copy: IO[bytes], key: str, size: int) -> None:
        async for chunk in self._objects.read(key, 0, size):
            await asyncio.to_thread(copy.write, chunk)
        await asyncio.to_thread(copy.flush)
