from pathlib import Path
from typing import Any

import pytest
import pyvips

from gigaday.contracts import Focus, ImageSpec
from gigaday.imaging.render import Unrenderable, header, render
from gigaday.rules.image_spec import canonical
from tests import pictures
from tests.pictures import BLUE, GREEN, RED, WHITE, near

PIXELS = 10_000_000
CORNERS = {(0, 0): RED, (1, 0): GREEN, (0, 1): BLUE, (1, 1): WHITE}


@pytest.fixture
def drawn(tmp_path: Path):
    """Renders bytes as a file would be."""

    def draw(data: bytes, *, pixels: int = PIXELS, **spec: Any) -> Any:
        path = tmp_path / "original"
        path.write_bytes(data)
        return pictures.opened(render(str(path), canonical(ImageSpec(**{"format": "png", **spec})), pixels)[1])

    return draw


def corners(image: Any) -> dict[tuple[int, int], list[float]]:
    return {(x, y): image(1 + x * (image.width - 3), 1 + y * (image.height - 3)) for x, y in CORNERS}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "spec",
    [
        {"width": 30},
        {"width": 30, "height": 30},
        {"width": 60, "height": 20, "fit": "fill"},
        {"width": 300, "height": 200},
        {},
    ],
)
def test_a_photograph_stands_upright(drawn, orientation, spec):
    image = drawn(pictures.oriented(120, 80, orientation), **spec)
    asked = (spec.get("width"), spec.get("height"))
    size = (120, 80) if not spec else (30, 20) if asked[1] is None else asked
    assert (image.width, image.height) == size
    assert "orientation" not in image.get_fields() or image.get("orientation") == 1
    found = corners(image)
    assert all(near(found[at], color, 40) for at, color in CORNERS.items()), found


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_focal_point_is_of_what_is_seen(drawn, orientation):
    data = pictures.oriented(120, 80, orientation)
    assert near(drawn(data, width=20, height=40, focus=Focus(0, 0.5))(2, 2), RED, 40)
    assert near(drawn(data, width=20, height=40, focus=Focus(1, 0.5))(2, 2), GREEN, 40)


@pytest.mark.parametrize("format_", ["webp", "avif", "jpeg", "png"])
def test_nothing_private_is_left(drawn, format_):
    image = pictures.quarters(60, 60).copy()
    for name in ("exif-ifd0-Artist", "exif-ifd3-GPSLatitude", "exif-ifd2-UserComment"):
        image.set_type(pyvips.GValue.gstr_type, name, "Jane SECRET (x, ASCII, 7 components, 7 bytes)")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>SECRET</x:xmpmeta>")
    image.set_type(pyvips.GValue.blob_type, "iptc-data", b"SECRET")
    data = pictures.jpeg(image, profile="p3")
    assert data.count(b"SECRET") >= 3
    made = drawn(data, width=30, format=format_)
    private = [name for name in made.get_fields() if name.startswith(("exif", "xmp", "iptc", "icc"))]
    assert private == []


@pytest.mark.parametrize(("format_", "magic"), [
    ("webp", b"WEBP"), ("avif", b"ftypavif"), ("jpeg", b"\xff\xd8\xff"), ("png", b"\x89PNG"),
])  # fmt: skip
def test_each_format_is_what_it_says(tmp_path, format_, magic):
    path = tmp_path / "a"
    path.write_bytes(pictures.png(pictures.quarters(64, 48)))
    found, data = render(str(path), canonical(ImageSpec(width=32, format=format_)), PIXELS)
    assert found == format_ and magic in data[:16]
    image = pictures.opened(data)
    assert (image.width, image.height) == (32, 24)
    assert all(near(pixel, CORNERS[at], 40) for at, pixel in corners(image).items())


def cmyk() -> bytes:
    image = pictures.quarters(60, 60).icc_export(output_profile="cmyk")
    return image.jpegsave_buffer(Q=95)


def deep() -> Any:
    return pictures.quarters(60, 60).cast("ushort").linear(257, 0).cast("ushort").copy(interpretation="rgb16")


def deep_png() -> bytes:
    return deep().pngsave_buffer()


def deep_avif() -> bytes:
    return deep().heifsave_buffer(compression="av1", bitdepth=12, Q=90)


def deep_with_alpha() -> bytes:
    return deep().bandjoin(65535).copy(interpretation="rgb16").pngsave_buffer()


def palette() -> bytes:
    return pictures.quarters(60, 60).pngsave_buffer(palette=True)


def wide_gamut() -> bytes:
    return pictures.quarters(60, 60).icc_transform("p3", input_profile="srgb").pngsave_buffer()


@pytest.mark.parametrize(
    ("made", "by"),
    [(cmyk, 90), (deep_png, 30), (deep_avif, 30), (deep_with_alpha, 30), (palette, 30), (wide_gamut, 30)],
)
def test_colours_come_out_right(drawn, made, by):
    """Ink has no green as bright as that."""
    image = drawn(made(), width=30)
    assert (image.bands, image.format, image.interpretation) == (3, "uchar", "srgb")
    assert all(near(pixel, CORNERS[at], by) for at, pixel in corners(image).items()), corners(image)


@pytest.mark.parametrize("bands", [1, 2])
@pytest.mark.parametrize("deep", [False, True])
def test_grey_is_grey(drawn, bands, deep):
    grey = pyvips.Image.black(40, 40).linear(1, 100).cast("uchar").copy(interpretation="b-w")
    image = grey if bands == 1 else grey.bandjoin(128)
    if deep:
        image = image.cast("ushort").linear(257, 0).cast("ushort").copy(interpretation="grey16")
    found = drawn(pictures.png(image), width=20)
    assert found.format == "uchar" and near(found(5, 5), (100, 100, 100, 128)[: 2 + bands], 2)


def half_seen() -> bytes:
    left, right = pictures.plain(30, 40, (*RED, 255)), pictures.plain(30, 40, (*BLUE, 0))
    return pictures.png(left.join(right, "horizontal"))


@pytest.mark.parametrize("format_", ["webp", "avif", "png"])
def test_alpha_stays_where_the_format_has_it(drawn, format_):
    image = drawn(half_seen(), width=30, format=format_)
    assert image.bands == 4
    assert near(image(3, 3), (*RED, 255), 40) and image(26, 3)[3] < 10


def test_without_alpha_the_ground_is_white(drawn):
    image = drawn(half_seen(), width=30, format="jpeg")
    assert near(image(3, 3), RED, 40) and near(image(26, 3), (255, 255, 255), 20)


@pytest.mark.parametrize(("data", "format_"), [
    (half_seen(), "png"), (pictures.png(pictures.plain(20, 20)), "jpeg"),
    (pictures.png(pictures.plain(20, 20, (*RED, 255))), "jpeg"), (pictures.jpeg(pictures.plain(20, 20)), "jpeg"),
])  # fmt: skip
def test_a_format_left_open_follows_alpha_that_hides_something(tmp_path, data, format_):
    path = tmp_path / "a"
    path.write_bytes(data)
    assert render(str(path), canonical(ImageSpec(width=10)), PIXELS)[0] == format_


def test_what_is_contained_lies_in_the_middle(drawn):
    opaque = drawn(pictures.png(pictures.plain(40, 20)), width=40, height=40, fit="contain")
    assert (
        near(opaque(20, 20), RED, 2) and near(opaque(20, 5), (255, 255, 255), 2) and near(opaque(20, 35), (255,) * 3, 2)
    )
    clear = drawn(half_seen(), width=60, height=80, fit="contain")
    assert (clear.width, clear.height, clear(5, 5)[3], clear(5, 40)[3]) == (60, 80, 0, 255)


def animated(kind: str) -> bytes:
    frames = [pictures.plain(20, 20, color) for color in (RED, GREEN, BLUE)]
    strip = pyvips.Image.arrayjoin(frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", 20)
    return strip.gifsave_buffer() if kind == "gif" else strip.webpsave_buffer()


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_of_an_animation_the_first_frame_is_shown(drawn, kind):
    image = drawn(animated(kind), width=10)
    assert (image.width, image.height) == (10, 10) and near(image(5, 5)[:3], RED, 40)


@pytest.mark.parametrize("made", [
    lambda: pictures.bomb_png(4_000, 4_000), lambda: pictures.bomb_png(11, 1_000_000), pictures.bomb_gif,
])  # fmt: skip
def test_too_many_pixels_are_refused_by_their_header(drawn, made):
    with pytest.raises(Unrenderable, match=r"pixels; at most 10,000,000|that can be read"):
        drawn(made(), width=10)


def test_what_would_be_enlarged_beyond_measure_is_refused(drawn):
    with pytest.raises(Unrenderable, match="enlarged"):
        drawn(pictures.png(pictures.plain(9_000, 1)), width=4096, height=4096)


FORMATS = {
    "jpeg": lambda image: image.jpegsave_buffer(),
    "progressive jpeg": lambda image: image.jpegsave_buffer(interlace=True),
    "png": lambda image: image.pngsave_buffer(),
    "interlaced png": lambda image: image.pngsave_buffer(interlace=True),
    "webp": lambda image: image.webpsave_buffer(),
    "avif": lambda image: image.heifsave_buffer(compression="av1", effort=0),
    "gif": lambda image: image.gifsave_buffer(),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_taken_is_rendered(drawn, name):
    image = drawn(FORMATS[name](pictures.quarters(90, 60)), width=45)
    assert (image.width, image.height) == (45, 30)
    assert all(near(pixel[:3], CORNERS[at], 60) for at, pixel in corners(image).items())


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_cut_short_is_refused(drawn, name):
    noise = pyvips.Image.gaussnoise(200, 150, mean=128, sigma=40, seed=1).cast("uchar").copy(interpretation="b-w")
    for data in pictures.truncations(FORMATS[name](noise.bandjoin([noise, noise]).copy(interpretation="srgb")), 8):
        with pytest.raises(Unrenderable):
            drawn(data, width=50)


@pytest.mark.parametrize("name", FORMATS)
def test_a_polyglot_is_only_the_image(drawn, tmp_path, name):
    data = FORMATS[name](pictures.quarters(60, 60))
    image = drawn(pictures.polyglot(data), width=30, format="jpeg")
    assert (image.width, image.height) == (30, 30)
    _, made = render(str(tmp_path / "original"), canonical(ImageSpec(width=30, format="webp")), PIXELS)
    assert b"script" not in made and b"PK\x05\x06" not in made


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"GIF89a"])
def test_what_is_no_image_is_refused(drawn, data):
    with pytest.raises(Unrenderable):
        drawn(data, width=10)


def test_the_header_tells_the_size_as_displayed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(pictures.oriented(120, 80, 6))
    assert header(str(path), PIXELS) == (120, 80)
