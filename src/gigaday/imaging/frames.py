"""What a node and the processes that render for it tell each other: frames of JSON or bytes, each with its length."""

import struct

import msgspec

from gigaday.contracts import Described, ImageSpec
from gigaday.contracts.imaging import Format

LENGTH = struct.Struct(">I")
READY = b"ready"
"""The first frame of a process that renders."""
MOST_BYTES = 256 << 20
"""The largest frame: an uncompressed rendering of the largest size is smaller."""


class Render(msgspec.Struct, frozen=True, tag=True):
    """Asks for a rendering of the file at `path`; `spec` is canonical."""

    path: str
    spec: ImageSpec


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Asks what the file at `path` looks like."""

    path: str


Job = Render | Describe


class Rendered(msgspec.Struct, frozen=True, tag=True):
    """The next frame is the rendering."""

    format: Format


class Seen(msgspec.Struct, frozen=True, tag=True):
    """What a picture looks like."""

    described: Described


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file cannot be rendered, and never will be: `detail` says why."""

    detail: str


Reply = Rendered | Seen | Refused


class Limits(msgspec.Struct, frozen=True):
    """Of a process that renders: `pixels` of an image, `memory` in bytes and `cpu` in seconds of one job."""

    pixels: int = 100_000_000
    memory: int = 1 << 30
    cpu: int = 20


def framed(data: bytes) -> bytes:
    """`data` with its length before it."""
    return LENGTH.pack(len(data)) + data
