"""One request at a time works on an upload: by a hold in its record, renewed while it lasts, else it lapses."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from gigaday.contracts import Clock, Delete, Document, DocumentStore, Replace
from gigaday.errors import BackendError, Locked
from gigaday.model.upload import UPLOADS
from gigaday.rules import times

HELD_SECONDS, RENEWAL_SECONDS = 10.0, 3.0
_MARGIN_SECONDS = 2.0
"""So much earlier than others does the holder itself take its hold for lapsed."""


class Hold:
    """An upload that is ours to write to. `document` is its record as last written."""

    def __init__(self, documents: DocumentStore, clock: Clock, document: Document) -> None:
        self._documents, self._clock = documents, clock
        self._turn = asyncio.Lock()
        self._holder = secrets.token_hex(8)
        self._until = 0.0
        self._ended = False
        self.document = document

    def check(self) -> None:
        """Raises Locked where the hold could not be renewed in time, so that another may be at work by now."""
        if self._clock.monotonic() >= self._until:
            raise _locked()

    async def update(self, **changes: Any) -> None:
        """Writes these fields, and renews the hold. Raises Locked where it was lost."""
        async with self._turn:
            await self._write(changes)

    async def forget(self) -> bool:
        """Removes the record; returns whether it was this call that did."""
        async with self._turn:
            self._ended = True
            write = Delete(self.document["_id"], self.document["version"])
            return await self._documents.write(UPLOADS, self._tenant, [write]) == ["applied"]

    async def release(self) -> None:
        """Best effort: a hold that stays lapses."""
        async with self._turn:
            if not self._ended:
                with suppress(BackendError, Locked):
                    await self._write({}, held=False)

    async def renew(self, every: float) -> None:
        """Keeps the hold until cancelled, or until it is lost."""
        with suppress(Locked):
            while not self._ended:
                await asyncio.sleep(every)
                with suppress(BackendError):
                    await self.update()

    @property
    def _tenant(self) -> str:
        return str(self.document["createdBy"])

    async def _write(self, changes: dict[str, Any], *, held: bool = True) -> None:
        if self._ended:
            return
        began, now = self._clock.monotonic(), self._clock.now()
        held_until = times.text(now + HELD_SECONDS) if held else None
        changes = {**changes, "holder": self._holder if held else None, "heldUntil": held_until}
        if not await self._written(changes) and not (await self._still_ours() and await self._written(changes)):
            self._until = 0.0
            raise _locked()
        self._until = began + HELD_SECONDS - _MARGIN_SECONDS

    async def _written(self, changes: dict[str, Any]) -> bool:
        version = self.document["version"]
        document = {**self.document, **changes, "version": version + 1}
        if await self._documents.write(UPLOADS, self._tenant, [Replace(document, version)]) != ["applied"]:
            return False
        self.document = document
        return True

    async def _still_ours(self) -> bool:
        """Whether the record is at another version because a write of ours went through whose answer was lost."""
        found = await self._documents.get(UPLOADS, self._tenant, self.document["_id"])
        if found is None or found["holder"] != self._holder:
            return False
        self.document = {**self.document, "version": found["version"]}
        return True


@asynccontextmanager
async def held(
    documents: DocumentStore, clock: Clock, document: Document, renewal: float = RENEWAL_SECONDS
) -> AsyncIterator[Hold]:
    """The upload of `document`, held while the context lasts. Raises Locked where another has it, or had it since."""
    if document["heldUntil"] and document["heldUntil"] > times.text(clock.now()):
        raise _locked()
    hold = Hold(documents, clock, document)
    await hold.update()
    renewing = asyncio.create_task(hold.renew(renewal))
    try:
        yield hold
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        await hold.release()


def _locked() -> Locked:
    return Locked("Another request is at work on this upload; wait for it, or try again when it is gone.")
