"""What a picture looks like: its colour and its blurred shape, from a rendering as small as a stamp."""

import pyvips

from gigaday.contracts import Described, ImageSpec
from gigaday.imaging.render import Unrenderable, header, scaled
from gigaday.rules import blurhash, dominant_color
from gigaday.rules.image_fit import place

_STAMP = ImageSpec(width=32, height=32, fit="inside")
_WAVES = (4, 3)
"""Along the longer side, and the shorter."""


def look(path: str, most_pixels: int) -> Described:
    """Of the file at `path`. Raises Unrenderable."""
    width, height = header(path, most_pixels)
    stamp = place(_STAMP, width, height)
    try:
        image = scaled(path, stamp.width, stamp.height)
        color = dominant_color.dominant(bytes(image.write_to_memory()), image.bands)
        flat = image.flatten(background=[255, 255, 255]) if image.hasalpha() else image
        pixels = bytes(flat.write_to_memory())
    except pyvips.Error as error:
        raise Unrenderable("It is damaged or cut short.") from error
    across, down = _WAVES if width >= height else reversed(_WAVES)
    return Described(color, blurhash.encode(pixels, stamp.width, stamp.height, across, down), width, height)
