"""Into which parts a file is cut that goes to an object store in parts."""

from collections.abc import Iterator

from gigaday.model.upload import PlannedPart

SINGLE_BYTES = 64 << 20
"""Up to here one request stores a file: what is lost where it breaks is little."""
_LEAST_PART, _STEP = 16 << 20, 1 << 20
_MOST_PARTS = 1_000
"""Far fewer than stores take, and enough that one that breaks costs little."""


def size_for(size: int) -> int | None:
    """How large the parts of a file of `size` bytes are, all but the last; None for one that goes in one request."""
    if size <= SINGLE_BYTES:
        return None
    steps = -(-size // (_MOST_PARTS * _STEP))
    return max(_LEAST_PART, steps * _STEP)


def planned(size: int, part_size: int) -> Iterator[PlannedPart]:
    """The parts, numbered from 1."""
    for number, offset in enumerate(range(0, size, part_size), start=1):
        yield PlannedPart(number, min(part_size, size - offset), offset)
