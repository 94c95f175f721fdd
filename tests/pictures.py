"""Pictures that tests upload: honest ones, and those that are made to do harm."""

import struct
import zlib
from itertools import pairwise
from typing import Any

import pyvips

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (30, 40, 210), (250, 250, 250)
ORIENTATIONS = {1: "r0", 2: "r0 flip", 3: "r180", 4: "r180 flip", 5: "r90 flip", 6: "r270", 7: "r270 flip", 8: "r90"}
"""For each EXIF orientation how the stored image comes about from what is to be seen."""
LARGE_PNG_ROWS = 30_000


def plain(width: int, height: int, color: tuple[int, ...] = RED) -> Any:
    """One colour."""
    return pyvips.Image.black(width, height, bands=len(color)).linear(1, list(color)).cast("uchar").copy(
        interpretation="srgb"
    )  # fmt: skip


def quarters(width: int, height: int) -> Any:
    """Red, green, blue and white, from the upper left corner as one reads."""
    above = plain(width // 2, height // 2, RED).join(plain(width - width // 2, height // 2, GREEN), "horizontal")
    rest = height - height // 2
    below = plain(width // 2, rest, BLUE).join(plain(width - width // 2, rest, WHITE), "horizontal")
    return above.join(below, "vertical")


def oriented(width: int, height: int, orientation: int) -> bytes:
    """A JPEG that shows `quarters`, stored turned and mirrored as its EXIF says."""
    turn, _, mirrored = ORIENTATIONS[orientation].partition(" ")
    image = quarters(width, height)
    if turn != "r0":
        image = getattr(image, f"rot{turn.removeprefix('r')}")()
    if mirrored:
        image = image.fliphor()
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return jpeg(image)


def jpeg(image: Any, **more: Any) -> bytes:
    return image.jpegsave_buffer(Q=95, **more)


def png(image: Any, **more: Any) -> bytes:
    return image.pngsave_buffer(**more)


def opened(data: bytes) -> Any:
    return pyvips.Image.new_from_buffer(data, "")


def near(found: list[float], expected: tuple[int, ...], by: int = 25) -> bool:
    """Whether a pixel has about this colour."""
    return len(found) == len(expected) and all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def bomb_png(width: int = LARGE_PNG_ROWS, height: int = LARGE_PNG_ROWS) -> bytes:
    """Black: some megabytes that are gigabytes when decoded."""
    row = 1 + width * 3
    compressor = zlib.compressobj(9, wbits=-15)
    rows = compressor.compress(b"\0" * row) + compressor.flush(zlib.Z_FULL_FLUSH)  # which can be repeated as it is
    checksum = struct.pack(">I", row * height % 65521 << 16 | 1)
    body = b"\x78\xda" + rows * height + b"\x03\0" + checksum
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def bomb_text_png(size: int) -> bytes:
    """A tiny picture with a compressed comment of `size` bytes."""
    text = zlib.compress(b"\0" * size, 9)
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [_chunk(b"IHDR", head), _chunk(b"zTXt", b"Comment\0\0" + text), _chunk(b"iCCP", b"p\0\0" + text)]
    parts += [_chunk(b"IDAT", zlib.compress(b"\0\1\2\3")), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bomb_gif(width: int = 65_535, height: int = 65_535, frames: int = 1) -> bytes:
    """Fifty bytes that are billions of pixels."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + screen + frame * frames + b"\x3b"


def polyglot(head: bytes) -> bytes:
    """An image that is a web page and an archive as well."""
    page = b"<html><script>alert(1)</script></html>"
    archive = b"PK\x05\x06" + b"\0" * 18
    return head + page + archive


def truncations(data: bytes, parts: int) -> list[bytes]:
    """`data`, cut short in so many places."""
    cuts = [len(data) * part // parts for part in range(parts + 1)]
    return [data[:end] for _, end in pairwise(cuts)][:-1]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
