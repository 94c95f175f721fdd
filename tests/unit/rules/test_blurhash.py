import random

import blurhash as other
import pytest

from gigaday.rules.blurhash import encode


def picture(seed: int, width: int, height: int) -> bytes:
    chance = random.Random(seed)
    left, right = ([chance.randrange(256) for _ in range(3)] for _ in range(2))
    noise = chance.choice((0, 30, 255))
    return bytes(
        max(0, min(255, int(a + (b - a) * x / width * (1 + y / height)) + chance.randint(-noise, noise)))
        for y in range(height) for x in range(width) for a, b in zip(left, right, strict=True)
    )  # fmt: skip


def rows(pixels: bytes, width: int) -> list[list[list[int]]]:
    each = [list(pixels[at : at + 3]) for at in range(0, len(pixels), 3)]
    return [each[at : at + width] for at in range(0, len(each), width)]


@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_another_implementation_makes(seed):
    chance = random.Random(seed)
    width, height, across, down = (chance.randint(*ends) for ends in ((1, 20), (1, 20), (1, 9), (1, 9)))
    pixels = picture(seed, width, height)
    assert encode(pixels, width, height, across, down) == other.encode(rows(pixels, width), across, down)


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_one_colour_comes_back_exactly(level):
    decoded = other.decode(encode(bytes([level, 40, 255 - level]) * 64, 8, 8, 1, 1), 2, 2)
    assert decoded[0][0] == [level, 40, 255 - level]


def test_it_looks_like_the_picture():
    width = height = 16
    pixels = b"".join(
        bytes([255, 255, 255]) if x < 8 else bytes([0, 0, 0]) for _ in range(height) for x in range(width)
    )
    seen = other.decode(encode(pixels, width, height, 4, 3), width, height)
    assert min(seen[8][1]) > 200 > 150 > max(seen[8][14])


@pytest.mark.parametrize("wrong", [(b"", 0, 0, 4, 3), (b"abc", 1, 1, 0, 3), (b"abc", 1, 1, 4, 10), (b"ab", 1, 1, 4, 3)])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="waves"):
        encode(*wrong)
