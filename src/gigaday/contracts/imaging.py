"""Renderings of images: what may be asked for, and who makes them."""

from typing import Annotated, Literal, Protocol

import msgspec

from gigaday.contracts.documents import Document

MOST_PIXELS_WIDE = 4096
"""The largest width and height of a rendering, in pixels."""

Fit = Literal["cover", "contain", "inside", "outside", "fill"]
Format = Literal["auto", "webp", "avif", "jpeg", "png"]
Pixels = Annotated[int, msgspec.Meta(ge=1, le=MOST_PIXELS_WIDE)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Focus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The point that a crop keeps in view, as shares of width and height from the upper left corner."""

    x: Share
    y: Share


class ImageSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rendering of an image. `width` and `height` times `dpr` are its pixels; one alone keeps the proportions,
    neither keeps the size. `fit` counts where both are given: "cover" crops around `focus` (the medium's own unless
    given, else the centre), "contain" adds a margin, "fill" distorts; "inside" fits into the box and "outside" covers
    it, neither ever enlarged. `format` "auto" is the best that the client takes; `quality` is of lossy formats, and the
    format's own unless given.
    """

    width: Pixels | None = None
    height: Pixels | None = None
    fit: Fit = "cover"
    format: Format = "auto"
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    dpr: Annotated[float, msgspec.Meta(ge=1, le=4)] = 1.0
    focus: Focus | None = None


class Variant(msgspec.Struct, frozen=True):
    """A rendering as stored; `etag` is a strong tag, with its quotes; `size` in bytes."""

    key: str
    size: int
    content_type: str
    etag: str


class Described(msgspec.Struct, frozen=True):
    """What a picture looks like before it is there: `color` as "#rrggbb", width and height as displayed. None is what
    cannot be told."""

    color: str | None = None
    blurhash: str | None = None
    width: int | None = None
    height: int | None = None


class Images(Protocol):
    """Renders stored images, each rendering once."""

    async def variant(self, document: Document, spec: ImageSpec, *, anew: bool = False) -> Variant:
        """The rendering of a medium, rendered and stored where it is not yet. An "auto" format that is left in `spec`
        is JPEG, or PNG where there is alpha. `anew` believes nothing that is remembered, as after ObjectMissing.

        Raises UnsupportedMediaType where the medium is no image that can be rendered, Invalid where it is damaged or
        takes too much, NotFound where its bytes are gone, Unavailable while too many wait; and BackendDown.
        """

    async def describe(self, key: str, content_type: str, size: int) -> Described:
        """Of the object `key`. Raises BackendDown alone."""

    async def close(self) -> None:
        """Ends what is being rendered. No call may follow."""
