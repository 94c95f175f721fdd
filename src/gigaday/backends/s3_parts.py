"""Cuts a stream into the parts of an upload: how large each is, which are on their way, and how far all is safe."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine

from msgspec import Struct
from msgspec.structs import replace

from gigaday.contracts import Growth, Part

Kept = Callable[[Growth], Awaitable[None]]
Send = Callable[[int, bytes | bytearray], Coroutine[None, None, str]]
"""Sends a part of that number; answers the store's tag."""
_AT_ONCE = 2


class Sizes(Struct, frozen=True):
    """Sizes of parts in bytes. S3 takes 10,000 of them, none below 5 MiB but the last.

    They grow with what has been sent: 8 MiB each up to 8 GiB, then a thousandth of that, up to 64 MiB, which two at a
    time may hold in memory. So an upload may come to 400 GiB, and to 250 GiB where it comes in small requests.
    """

    usual: int = 8 << 20
    least: int = 5 << 20
    most: int = 64 << 20

    def at(self, offset: int) -> int:
        """What is sent as one part from `offset` on."""
        return min(max(self.usual, offset // 1000), max(self.usual, self.most))

    def least_at(self, offset: int) -> int:
        """What, at the end of a request, is enough for a part and not kept apart."""
        return self.at(offset) * self.least // self.usual


class Cutter:
    """Adds to `growth`, which has nothing held apart: that comes as `held`, before all else."""

    def __init__(self, growth: Growth, held: bytes, sizes: Sizes, send: Send, kept: Kept | None) -> None:
        self._growth, self._sizes, self._send, self._kept = growth, sizes, send, kept
        self._waiting = bytearray(held)
        self._cut = growth.offset
        """Up to where parts are sent, or on their way."""
        self._number = growth.parts[-1].number if growth.parts else 0
        self._under_way: deque[tuple[int, int, asyncio.Task[str]]] = deque()
        """Number, size in bytes, and what answers the tag."""

    async def run(self, chunks: AsyncIterable[bytes]) -> tuple[Growth, bytes]:
        """The growth with its new parts, and what is left at the end as too little for one. A part that is on its way
        when something fails is waited for: coming late, it would take the place of the one sent in its stead."""
        try:
            async for chunk in chunks:
                self._waiting += chunk
                if len(self._waiting) >= self._sizes.at(self._cut):
                    await self._cut_off()
            if len(self._waiting) >= self._sizes.least_at(self._cut):
                await self._cut_off()
            while self._under_way:
                await self._settle()
        finally:
            await asyncio.gather(*(task for _, _, task in self._under_way), return_exceptions=True)
        return self._growth, bytes(self._waiting)

    async def _cut_off(self) -> None:
        if len(self._under_way) == _AT_ONCE:
            await self._settle()
        body, self._waiting = self._waiting, bytearray()
        self._number += 1
        self._under_way.append((self._number, len(body), asyncio.create_task(self._send(self._number, body))))
        self._cut += len(body)

    async def _settle(self) -> None:
        number, size, sending = self._under_way[0]
        tag = await asyncio.shield(sending)
        self._under_way.popleft()
        parts = (*self._growth.parts, Part(number, size, tag))
        self._growth = replace(self._growth, offset=self._growth.offset + size, parts=parts)
        if self._kept is not None:
            await self._kept(self._growth)
