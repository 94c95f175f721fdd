"""The colour that most of a picture has, for whoever shows something in its place until it is there."""

from collections import defaultdict

_VISIBLE = 128
_STEP_BITS = 5
"""Colours that agree in their upper three bits a channel count as one."""


def dominant(pixels: bytes, bands: int) -> str | None:
    """As "#rrggbb": the mean of the most frequent colours. `pixels` have three bytes each, or four, the last of which
    is alpha; None where nothing is to be seen."""
    groups: defaultdict[int, list[bytes]] = defaultdict(list)
    for at in range(0, len(pixels), bands):
        pixel = pixels[at : at + bands]
        if bands == 3 or pixel[3] >= _VISIBLE:
            groups[_group(pixel)].append(pixel)
    if not groups:
        return None
    largest = max(groups.values(), key=len)
    return "#" + "".join(
        f"{round(sum(pixel[channel] for pixel in largest) / len(largest)):02x}" for channel in range(3)
    )


def _group(pixel: bytes) -> int:
    return (pixel[0] >> _STEP_BITS) << 16 | (pixel[1] >> _STEP_BITS) << 8 | pixel[2] >> _STEP_BITS
