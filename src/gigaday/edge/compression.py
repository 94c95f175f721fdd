"""The encodings that answers are compressed with."""

import zlib
from collections.abc import Callable

import brotli
import zstandard

# Levels for answers made as they are asked for: past these, each costs more time than the bytes it saves.
_ZSTD, _BROTLI, _GZIP = 3, 4, 5
_GZIP_WINDOW = 31
"""zlib's largest window, plus 16 for a gzip header (which then holds no time: equal bodies give equal bytes)."""


def trimmed(made: bytes) -> bytes:
    """`made` without the room that its maker reserved for more: some libraries leave it behind the bytes they return,
    and what is kept would take several times its length in memory."""
    return bytes(memoryview(made))


def _zstd(body: bytes) -> bytes:
    return trimmed(zstandard.ZstdCompressor(level=_ZSTD).compress(body))


def _br(body: bytes) -> bytes:
    encoded: bytes = brotli.compress(body, quality=_BROTLI)
    return encoded


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, level=_GZIP, wbits=_GZIP_WINDOW)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "br": _br, "gzip": _gzip}
"""By the name that Content-Encoding gives them, in order of preference."""
