import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules.dimensions import dimensions


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_dimensions_are_read_from_the_first_bytes() -> None:
    assert dimensions(png(640, 480) + b"\0" * 100) == (640, 480)
    assert dimensions(b"GIF89a" + struct.pack("<HH", 3, 4) + b"\0" * 20) == (3, 4)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (2**31 - 1, 2**31 - 1), (100_001, 1)])
def test_absurd_dimensions_are_not_believed(size: tuple[int, int]) -> None:
    assert dimensions(png(*size)) is None


@pytest.mark.parametrize("head", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JF"])
def test_what_is_no_picture_or_is_cut_short_has_none(head: bytes) -> None:
    assert dimensions(head) is None


STARTS = [
    png(1, 1)[:20],
    b"GIF89a",
    b"\xff\xd8\xff\xe1",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"\0\0\0\x18ftypavif\0\0\0\0",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"BM",
]


@given(st.sampled_from(STARTS), st.binary(max_size=400))
def test_hostile_bytes_never_fail(start: bytes, rest: bytes) -> None:
    found = dimensions(start + rest)
    assert found is None or min(found) > 0
