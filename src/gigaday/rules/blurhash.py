"""BlurHash: what an image looks like blurred, in some twenty characters (https://blurha.sh).

The picture is a sum of cosine waves in linear light, `across` by `down` of them. The mean colour is kept exactly; of
each other wave, how strong it is in red, green and blue, on a square-root scale of 19 steps.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_STEPS = 19
_MOST_WAVES = 9
Color = tuple[float, float, float]


def encode(pixels: bytes, width: int, height: int, across: int, down: int) -> str:
    """Of `width` by `height` pixels of sRGB, three bytes each, row by row. `across` and `down` are from 1 to 9. Takes
    time by the number of pixels: some hundreds are enough."""
    if not (1 <= across <= _MOST_WAVES and 1 <= down <= _MOST_WAVES and len(pixels) == 3 * width * height > 0):
        raise ValueError("from 1 to 9 waves each way, and three bytes a pixel")
    linear = _linear_of_byte()
    light = [linear[byte] for byte in pixels]
    waves = [_wave(light, width, height, i, j) for j in range(down) for i in range(across)]
    strongest = max((abs(value) for wave in waves[1:] for value in wave), default=0.0)
    scale = max(0, min(82, math.floor(strongest * 166 - 0.5)))
    most = (scale + 1) / 166 if len(waves) > 1 else 1.0
    head = _base83(across - 1 + (down - 1) * _MOST_WAVES, 1) + _base83(scale if len(waves) > 1 else 0, 1)
    return head + _base83(_mean(waves[0]), 4) + "".join(_base83(_strength(wave, most), 2) for wave in waves[1:])


def _wave(light: Sequence[float], width: int, height: int, i: int, j: int) -> Color:
    """How much of the wave with `i` half periods across and `j` down is in the picture."""
    columns = [math.cos(math.pi * i * x / width) for x in range(width)]
    sums = [0.0, 0.0, 0.0]
    for y in range(height):
        row = light[3 * width * y : 3 * width * (y + 1)]
        weight = math.cos(math.pi * j * y / height)
        for channel in range(3):
            sums[channel] += weight * sum(map(float.__mul__, columns, row[channel::3]))
    factor = (1 if i == j == 0 else 2) / (width * height)
    red, green, blue = (factor * value for value in sums)
    return red, green, blue


def _mean(wave: Color) -> int:
    red, green, blue = (_byte_of_linear(value) for value in wave)
    return red << 16 | green << 8 | blue


def _strength(wave: Color, most: float) -> int:
    red, green, blue = (_quantised(value / most) for value in wave)
    return (red * _STEPS + green) * _STEPS + blue


def _quantised(value: float) -> int:
    return max(0, min(_STEPS - 1, math.floor(math.copysign(math.sqrt(abs(value)), value) * 9 + 9.5)))


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(length)))


@lru_cache(maxsize=1)
def _linear_of_byte() -> list[float]:
    shares = [byte / 255 for byte in range(256)]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def _byte_of_linear(value: float) -> int:
    value = max(0.0, min(1.0, value))
    share = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(share * 255 + 0.5)
