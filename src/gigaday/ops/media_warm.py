"""Renders images before anybody asks for them, as before a launch, so that the first visitors wait for nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from gigaday.contracts import Document, DocumentStore, Filter, Images, ImageSpec, Query
from gigaday.contracts.imaging import Format
from gigaday.errors import ApiError, Unavailable
from gigaday.model.media import MEDIA
from gigaday.rules import image_spec

_PAGE = 100
FORMATS: tuple[Format, ...] = ("avif", "webp", "auto")
"""What browsers take, and what the others get."""


class WarmFault(msgspec.Struct, frozen=True):
    """A rendering that could not be made."""

    id: str
    filename: str
    preset: str
    detail: str


class Warmed(msgspec.Struct):
    """How far it has come: `renderings` are there, of `images`."""

    images: int = 0
    renderings: int = 0
    faults: list[WarmFault] = []


class Warm:
    """Renders a tenant's images, `at_once` of them at a time; `seen` is told of each rendering."""

    def __init__(
        self, documents: DocumentStore, images: Images, at_once: int, seen: Callable[[], object] = lambda: None
    ) -> None:
        self._documents, self._images, self._at_once, self._seen = documents, images, at_once, seen

    async def count(self, tenant: str) -> int:
        """How many images there are."""
        return sum([1 async for _ in self._of(tenant)])

    async def run(self, tenant: str, presets: Mapping[str, ImageSpec], formats: Sequence[Format] = FORMATS) -> Warmed:
        """Every image in every preset; where a preset leaves the format open, in each of `formats`."""
        warmed, wanted = Warmed(), _wanted(presets, formats)
        running: set[asyncio.Task[None]] = set()
        try:
            async for document in self._of(tenant):
                if len(running) >= self._at_once:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                running.add(asyncio.create_task(self._render(document, wanted, warmed)))
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
        return warmed

    async def _render(self, document: Document, wanted: Sequence[tuple[str, ImageSpec]], warmed: Warmed) -> None:
        for name, spec in wanted:
            try:
                await self._images.variant(document, spec)
                warmed.renderings += 1
            except Unavailable:
                raise
            except ApiError as error:
                warmed.faults.append(WarmFault(document["_id"], document["filename"], name, error.detail))
            self._seen()
        warmed.images += 1

    async def _of(self, tenant: str) -> AsyncIterator[Document]:
        """The tenant's media that can be rendered."""
        only = (Filter("contentType", "in", sorted(image_spec.SOURCES)),)
        query = Query(only, limit=_PAGE)
        while page := await self._documents.page(MEDIA, tenant, query):
            for document in page:
                yield document
            last = page[-1]["_id"]
            query = Query(only, limit=_PAGE, after=(last, last))


def _wanted(presets: Mapping[str, ImageSpec], formats: Sequence[Format]) -> list[tuple[str, ImageSpec]]:
    return [
        (name, msgspec.structs.replace(spec, format=format))
        for name, spec in presets.items()
        for format in (formats if spec.format == "auto" else [spec.format])
    ]
