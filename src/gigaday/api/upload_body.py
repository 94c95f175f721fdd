"""A piece of an upload as it comes: counted, hashed and checked while it flows on, never held whole."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

from gigaday.api.upload import BodyStalled, declared_length, next_chunk
from gigaday.errors import BadRequest, BodyTooLarge, ChecksumMismatch
from gigaday.rules.tus import Checksum

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1 << 20
"""Bytes that are hashed and handed on at a time: a hop to a thread each, whatever size the network delivers."""


class UploadBody:
    """At most `room` bytes of a request's body. `digest` goes on with them, where there is one; `check` raises where
    nothing more may be taken.

    A client that vanishes or stalls ends it, and what came counts: `cut` then says why. With a checksum it raises, as
    it does where the checksum is not that of the bytes: nobody can tell which of them are right.
    """

    def __init__(
        self,
        request: Request,
        *,
        room: int,
        stall: float,
        checksum: Checksum | None,
        digest: "_Hash | None",
        check: Callable[[], None],
    ) -> None:
        declared = declared_length(request)
        if declared is not None and declared > room:
            raise _too_much(room)
        self._request, self._room, self._stall, self._check = request, room, stall, check
        self._declared, self._expected = declared, checksum
        self._own = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._digest = digest
        self._size = 0
        self.cut: Exception | None = None

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """The bytes, each block hashed beside whatever is done with it."""
        hashing: asyncio.Future[None] | None = None
        async with aclosing(self._coalesced()) as blocks:
            async for block in blocks:
                if hashing is not None:
                    await hashing
                self._check()
                hashing = asyncio.ensure_future(asyncio.to_thread(self._hash, block))
                yield block
        if hashing is not None:
            await hashing
        if self._expected and self._own and self._own.digest() != self._expected.digest:
            raise ChecksumMismatch("Nothing of this chunk was kept; send it again from the same offset.")

    def _hash(self, block: bytes) -> None:
        for digest in (self._own, self._digest):
            if digest is not None:
                digest.update(block)

    async def _coalesced(self) -> AsyncGenerator[bytes, None]:
        waiting: list[bytes] = []
        size = 0
        try:
            async with aclosing(self._request.stream()) as stream:
                while chunk := await next_chunk(stream, self._stall):
                    self._count(len(chunk))
                    waiting.append(chunk)
                    size += len(chunk)
                    if size >= _BLOCK:
                        yield b"".join(waiting)
                        waiting, size = [], 0
            if self._declared is not None and self._size != self._declared:
                raise BadRequest(f"The body has {self._size} bytes where Content-Length says {self._declared}.")
        except (ClientDisconnect, BodyStalled) as error:
            if self._expected:
                raise
            self.cut = error
        if waiting:
            yield b"".join(waiting)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._room:
            raise _too_much(self._room)


def _too_much(room: int) -> BodyTooLarge:
    return BodyTooLarge(f"Only {room} bytes of this upload are still to come.", extra={"limit": room})
