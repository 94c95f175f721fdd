"""The nodes of a laboratory, for a procedure that adds some."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gigaday.lab import roles
from gigaday.lab.laboratory import Lab
from gigaday.lab.scale import scale


class LabNodes:
    """Those that are ready count; a node that is dead is not replaced, but neither is it one of them."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._tell = folder, tell
        self.where = f"the laboratory in {folder.resolve()}"

    async def count(self) -> int:
        return sum((await asyncio.to_thread(roles.ready, Lab.load(self._folder))).values())

    async def scale(self, count: int) -> str:
        """Starts or drains them itself."""
        lab = Lab.load(self._folder)
        wanted = len(lab.of_kind("node")) + count - await self.count()
        await asyncio.to_thread(scale, lab, wanted, self._tell)
        return ""
