"""Width and height of a picture, read from its first bytes without decoding it."""

import io
import struct

import imagesize

HEAD = 256 << 10
"""How many first bytes are enough: metadata (EXIF, previews) may come before the dimensions."""

_LARGEST = 100_000


def dimensions(head: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels as displayed, EXIF rotation applied; None where not known or not believable."""
    try:
        width, height = imagesize.get(io.BytesIO(head[:HEAD]))
    except (ValueError, TypeError, struct.error, OSError, EOFError, LookupError, ArithmeticError, RecursionError):
        return None
    return (width, height) if 0 < width <= _LARGEST and 0 < height <= _LARGEST else None
