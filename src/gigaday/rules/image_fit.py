"""How an image comes into its box: the size that it is scaled to, and what of that is cut off or added around."""

from typing import NamedTuple

from gigaday.contracts import Focus, ImageSpec
from gigaday.contracts.imaging import MOST_PIXELS_WIDE


class Placing(NamedTuple):
    """In pixels: scaled to `width` by `height`, then seen through a window of `box` whose corner lies at `left`, `top`
    (below zero where there is a margin)."""

    width: int
    height: int
    box: tuple[int, int]
    left: int
    top: int

    @property
    def is_cut(self) -> bool:
        """Whether anything of the image lies outside the box."""
        return self.box[0] < self.width or self.box[1] < self.height

    @property
    def is_padded(self) -> bool:
        """Whether the image leaves some of the box empty."""
        return self.box[0] > self.width or self.box[1] > self.height


def place(spec: ImageSpec, width: int, height: int) -> Placing:
    """Of an image of this size, as displayed; `spec` is canonical."""
    if spec.width is None or spec.height is None:
        factor = min((spec.width or MOST_PIXELS_WIDE) / width, (spec.height or MOST_PIXELS_WIDE) / height, 1.0)
        return _whole(width, height, factor)
    box = spec.width, spec.height
    inside, outside = sorted((box[0] / width, box[1] / height))
    match spec.fit:
        case "inside":
            return _whole(width, height, min(inside, 1.0))
        case "outside":
            return _whole(width, height, min(outside, 1.0))
        case "fill":
            return Placing(*box, box, 0, 0)
        case "contain":
            scaled = _scaled(width, height, inside)
            return Placing(*scaled, box, -((box[0] - scaled[0]) // 2), -((box[1] - scaled[1]) // 2))
        case "cover":
            return _covering(box, _scaled(width, height, outside), spec.focus or Focus(0.5, 0.5))


def _covering(box: tuple[int, int], scaled: tuple[int, int], focus: Focus) -> Placing:
    return Placing(*scaled, box, _window(scaled[0], box[0], focus.x), _window(scaled[1], box[1], focus.y))


def _window(length: int, seen: int, share: float) -> int:
    """Where a window begins that has `share` of the length in its middle, as far as the ends allow."""
    return max(0, min(length - seen, round(length * share - seen / 2)))


def _whole(width: int, height: int, factor: float) -> Placing:
    scaled = _scaled(width, height, factor)
    return Placing(*scaled, scaled, 0, 0)


def _scaled(width: int, height: int, factor: float) -> tuple[int, int]:
    return max(1, round(width * factor)), max(1, round(height * factor))
