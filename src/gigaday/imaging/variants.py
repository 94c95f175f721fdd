"""Renderings of stored images: each made once, stored beside what it was made from, and found there ever after.

Originals never change, so neither do their renderings: what was once seen in the store is believed until it turns out
to be gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import msgspec

from gigaday.contracts import Described, Document, Focus, ImageSpec, ObjectStore, SharedCache, Variant
from gigaday.errors import ApiError, BackendDown, Invalid, NotFound, ObjectMissing, UnsupportedMediaType
from gigaday.imaging.flights import Flights
from gigaday.imaging.frames import Describe, Job, Refused, Render, Rendered, Reply, Seen
from gigaday.imaging.pool import Pool
from gigaday.imaging.recent import Recent
from gigaday.imaging.source import Sources
from gigaday.rules import etags, image_spec
from gigaday.rules.storage_keys import variants_of

MOST_SOURCE_BYTES = 256 << 20
"""A larger file is not rendered."""
_REMEMBERED, _REFUSALS = 10_000, 1_000
_CHUNK = 1 << 20
_CLAIM_SECONDS, _LOOK_SECONDS, _LOOKS = 30.0, 0.1, 300


class StoredImages:
    """`Images` over an object store. `shared` is where nodes agree on who renders; None where there is one node."""

    def __init__(self, objects: ObjectStore, pool: Pool, sources: Sources, shared: SharedCache | None = None) -> None:
        self._objects, self.pool, self._sources, self._shared = objects, pool, sources, shared
        self._flights = Flights[Variant]()
        self._known = Recent[Variant](_REMEMBERED)
        self._refusals = Recent[str](_REFUSALS)
        self.rendered = self.refused = 0
        """Renderings made here, and images that could not be."""

    async def variant(self, document: Document, spec: ImageSpec, *, anew: bool = False) -> Variant:
        wanted = image_spec.canonical(spec, focus_of(document))
        names = _names(document["storageKey"], wanted)
        if not anew and (known := self._known.get(names[0])):
            return known
        _check(document)
        if refusal := self._refusals.get(names[0]):
            raise Invalid(refusal)
        try:
            variant = await self._flights.join(names[0], lambda: self._found(document, wanted, names))
        except ObjectMissing as error:
            raise NotFound("The content of this medium is gone.") from error
        self._known.put(names[0], variant)
        return variant

    async def describe(self, key: str, content_type: str, size: int) -> Described:
        if content_type not in image_spec.SOURCES or size > MOST_SOURCE_BYTES:
            return Described()
        try:
            reply, _ = await self._run(Describe, key, size)
        except (ApiError, ObjectMissing):
            return Described()
        return reply.described if isinstance(reply, Seen) else Described()

    async def close(self) -> None:
        await self._flights.close()
        await self.pool.close()

    async def _found(self, document: Document, spec: ImageSpec, names: Sequence[str]) -> Variant:
        if stored := await self._stored(names):
            return stored
        if self._shared is None:
            return await self._rendered(document, spec, names)
        claim = f"render:{names[0]}"
        if stored := await self._awaited(self._shared, claim, names):
            return stored
        try:
            return await self._rendered(document, spec, names)
        finally:
            with suppress(BackendDown):
                await self._shared.release(claim)

    async def _stored(self, names: Sequence[str]) -> Variant | None:
        for name in names:
            size = await self._objects.size(name)
            if size is not None:
                return _variant(name, size)
        return None

    async def _awaited(self, shared: SharedCache, claim: str, names: Sequence[str]) -> Variant | None:
        """What another node has rendered meanwhile; None once it is this node's turn."""
        try:
            for _ in range(_LOOKS):
                if await shared.claim(claim, _CLAIM_SECONDS):
                    break
                await asyncio.sleep(_LOOK_SECONDS)
                if stored := await self._stored(names):
                    return stored
        except BackendDown:
            return None
        return None

    async def _rendered(self, document: Document, spec: ImageSpec, names: Sequence[str]) -> Variant:
        reply, data = await self._run(lambda path: Render(path, spec), document["storageKey"], document["size"])
        if not isinstance(reply, Rendered):
            detail = f"The image cannot be rendered: {reply.detail if isinstance(reply, Refused) else ''}"
            self.refused += 1
            self._refusals.put(names[0], detail)
            raise Invalid(detail)
        self.rendered += 1
        name = next(name for name in names if name.endswith(f".{image_spec.EXTENSIONS[reply.format]}"))
        size = await self._objects.put(name, _chunks(data), image_spec.CONTENT_TYPES[reply.format])
        return _variant(name, size)

    async def _run(self, job: Callable[[str], Job], key: str, size: int) -> tuple[Reply, bytes]:
        async with self._sources.file(key, size) as path:
            return await self.pool.run(job(path))


def focus_of(document: Document) -> Focus | None:
    """The medium's own."""
    focus = document.get("focus")
    return None if focus is None else msgspec.convert(focus, Focus)


def _names(key: str, spec: ImageSpec) -> list[str]:
    """Where a rendering may be stored, by the format that it may turn out to have."""
    return [variants_of(key) + image_spec.file_name(settled) for settled in image_spec.settled(spec)]


def _variant(name: str, size: int) -> Variant:
    formats = {extension: format_ for format_, extension in image_spec.EXTENSIONS.items()}
    kind = image_spec.CONTENT_TYPES[formats[name.rpartition(".")[2]]]
    return Variant(name, size, kind, etags.strong(name, str(size)))


def _check(document: Document) -> None:
    """Raises UnsupportedMediaType, or Invalid for what is too large."""
    if document["contentType"] not in image_spec.SOURCES:
        known = ", ".join(sorted(image_spec.SOURCES))
        raise UnsupportedMediaType(
            f"A medium of type {document['contentType']} cannot be rendered; these can: {known}."
        )
    if document["size"] > MOST_SOURCE_BYTES:
        raise Invalid(f"The image cannot be rendered: it has more than {MOST_SOURCE_BYTES:,} bytes.")


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), _CHUNK):
        yield data[at : at + _CHUNK]
