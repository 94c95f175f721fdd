"""One image rendered by libvips, in a process that may die of it: its header is checked before a pixel is decoded.

Every metadatum is dropped, after the orientation was applied and the colours were converted to sRGB.
"""

from typing import Any, NamedTuple

import pyvips

from gigaday.contracts import ImageSpec
from gigaday.contracts.imaging import Format
from gigaday.rules.image_fit import Placing, place
from gigaday.rules.image_spec import settled

LOADERS = ("Jpeg", "Png", "Webp", "Nsgif", "Heif")
"""The only decoders that what was uploaded ever meets."""
_SIDEWAYS = range(5, 9)
"""EXIF orientations that swap width and height."""
_OPAQUE = 255
_WHITE = [255, 255, 255]


class Unrenderable(Exception):
    """The file cannot be rendered; the message says why, for whoever asked."""


class Header(NamedTuple):
    """Of an image: pixels as displayed."""

    width: int
    height: int


def only_trusted_loaders() -> None:
    """Has libvips refuse every other format for the rest of this process, and remember nothing between images."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    pyvips.cache_set_max(0)


def header(path: str, most_pixels: int) -> Header:
    """Raises Unrenderable where there are more than `most_pixels`, or no header that can be read."""
    try:
        image = pyvips.Image.new_from_file(path, access="sequential")
        sideways = "orientation" in image.get_fields() and image.get("orientation") in _SIDEWAYS
    except pyvips.Error as error:
        raise Unrenderable("It is not a JPEG, PNG, WebP, AVIF or GIF image that can be read.") from error
    if image.width * image.height > most_pixels:
        raise Unrenderable(f"It has {image.width} x {image.height} pixels; at most {most_pixels:,} are rendered.")
    return Header(image.height, image.width) if sideways else Header(image.width, image.height)


def render(path: str, spec: ImageSpec, most_pixels: int) -> tuple[Format, bytes]:
    """The format and the bytes of a rendering; `spec` is canonical. Raises Unrenderable."""
    read = header(path, most_pixels)
    placing = place(spec, read.width, read.height)
    if placing.width * placing.height > most_pixels:
        raise Unrenderable("It would have to be enlarged too much.")
    try:
        image = _placed(scaled(path, placing.width, placing.height), placing)
        chosen = _settled(spec, image)
        return chosen.format, _encoded(image, chosen)
    except pyvips.Error as error:
        raise Unrenderable("It is damaged, cut short, or takes more memory than there is for it.") from error


def scaled(path: str, width: int, height: int) -> Any:
    """The upright image in sRGB, of exactly this size, in memory; without its alpha channel where that hides nothing.
    A pyvips.Image. Raises pyvips.Error."""
    image = pyvips.Image.thumbnail(
        path, width, height=height, size="force", output_profile="srgb", fail_on="error"
    ).colourspace("srgb")
    image = image.copy_memory()
    if image.hasalpha() and image[-1].min() == _OPAQUE:
        return image[:-1]
    return image


def _placed(image: Any, placing: Placing) -> Any:
    if placing.is_padded:
        background = [*_WHITE, 0] if image.hasalpha() else _WHITE
        return image.embed(-placing.left, -placing.top, *placing.box, extend="background", background=background)
    return image.crop(placing.left, placing.top, *placing.box) if placing.is_cut else image


def _settled(spec: ImageSpec, image: Any) -> ImageSpec:
    """Where the format was left open: the last of the choices keeps alpha."""
    choices = settled(spec)
    return choices[-1] if image.hasalpha() else choices[0]


def _encoded(image: Any, spec: ImageSpec) -> bytes:
    data: bytes
    match spec.format:
        case "webp":
            data = image.webpsave_buffer(Q=spec.quality, keep="none")
        case "avif":
            data = image.heifsave_buffer(Q=spec.quality, compression="av1", effort=2, keep="none")
        case "png":
            data = image.pngsave_buffer(keep="none")
        case _:
            flat = image.flatten(background=_WHITE) if image.hasalpha() else image
            data = flat.jpegsave_buffer(Q=spec.quality, optimize_coding=True, keep="none")
    return data
