import msgspec
import pytest

from gigaday.contracts import Focus, ImageSpec
from gigaday.errors import BadRequest
from gigaday.rules import image_spec
from gigaday.rules.object_keys import check

AVIF, WEBP = "image/avif,image/webp,image/apng,*/*;q=0.8", "image/webp,*/*"


def name(spec: ImageSpec, focus: Focus | None = None) -> str:
    return image_spec.file_name(image_spec.settled(image_spec.canonical(spec, focus))[0])


def test_a_query_says_what_is_wanted():
    query = ["w=400", "h=300", "fit=cover", "format=webp", "q=70", "dpr=2", "fx=0.25", "fy=1"]
    found = image_spec.parse(tuple(item.split("=")) for item in query)
    assert found == ImageSpec(400, 300, "cover", "webp", 70, 2.0, Focus(0.25, 1.0))
    assert image_spec.parse([]) == ImageSpec()


@pytest.mark.parametrize("spec", [
    ImageSpec(), ImageSpec(width=1), ImageSpec(4096, 1, "fill", "png", 1), ImageSpec(width=10, dpr=1.25),
    ImageSpec(1, 2, focus=Focus(1 / 3, 0)), ImageSpec(height=7, format="avif", quality=100),
])  # fmt: skip
def test_a_query_is_read_as_it_was_written(spec):
    assert image_spec.parse(image_spec.to_query(spec)) == spec


@pytest.mark.parametrize(
    ("name", "text"),
    [("w", text) for text in ("", "0", "-1", "4097", "4_0", " 4", "1.5", "null", "٤", "9" * 500, "nan")]
    + [("q", "0"), ("q", "101"), ("dpr", "0.5"), ("dpr", "5"), ("dpr", "nan"), ("fx", "-0.1"), ("fx", "inf")]
    + [("fit", "zoom"), ("format", "svg"), ("format", "WEBP"), ("x", "1"), ("width", "1")],
)
def test_what_is_out_of_range_is_named(name, text):
    with pytest.raises(BadRequest) as refused:
        image_spec.parse([(name, text)])
    assert refused.value.errors[0].pointer == f"?{name}"


def test_every_fault_is_named_at_once():
    with pytest.raises(BadRequest) as refused:
        image_spec.parse([("w", "0"), ("h", "5"), ("h", "6"), ("fit", "zoom"), ("fx", "0.5"), ("colour", "red")])
    found = {fault.pointer: fault.detail for fault in refused.value.errors}
    assert set(found) == {"?w", "?h", "?fit", "?fy", "?colour"}
    assert "cover" in found["?fit"] and "4096" in found["?w"] and "twice" in found["?h"] and "dpr" in found["?colour"]


def test_no_side_is_longer_for_its_pixel_ratio():
    with pytest.raises(BadRequest) as refused:
        image_spec.parse([("w", "2000"), ("h", "3000"), ("dpr", "2")])
    assert [fault.pointer for fault in refused.value.errors] == ["?h"]


@pytest.mark.parametrize(("accept", "chosen"), [
    (AVIF, "avif"), (WEBP, "webp"), ("*/*", "auto"), ("image/*", "auto"), ("", "auto"), ("image/avif;q=0", "auto"),
    ("image/avif;q=0.2, image/webp;q=0.9", "webp"), ("IMAGE/AVIF", "avif"), (";;;,,q=,", "auto"),
    ("text/html," * 5_000, "auto"),
])  # fmt: skip
def test_the_client_chooses_the_best_format_that_it_names(accept, chosen):
    assert image_spec.negotiated(ImageSpec(width=10), accept).format == chosen
    assert image_spec.negotiated(ImageSpec(width=10, format="png"), accept).format == "png"


@pytest.mark.parametrize("same", [
    (ImageSpec(width=400, dpr=2), ImageSpec(width=800)),
    (ImageSpec(width=400, fit="fill"), ImageSpec(width=400, fit="cover", focus=Focus(0, 0))),
    (ImageSpec(width=400, format="png", quality=3), ImageSpec(width=400, format="png")),
    (ImageSpec(width=400, format="webp", quality=80), ImageSpec(width=400, format="webp")),
    (ImageSpec(4, 4, focus=Focus(0.501, 0.5)), ImageSpec(4, 4)),
    (ImageSpec(4, 4, fit="contain", focus=Focus(0.1, 0.1)), ImageSpec(4, 4, fit="contain")),
])  # fmt: skip
def test_the_same_pixels_have_one_name(same):
    assert name(same[0]) == name(same[1])


def test_different_pixels_have_different_names():
    specs = [
        ImageSpec(), ImageSpec(width=4), ImageSpec(height=4), ImageSpec(4, 4), ImageSpec(4, 4, "inside"),
        ImageSpec(4, 4, "fill"), ImageSpec(4, 4, "contain"), ImageSpec(4, 4, "outside"), ImageSpec(4, 4, quality=3),
        ImageSpec(4, 4, focus=Focus(0, 1)), ImageSpec(4, 4, focus=Focus(1, 0)), ImageSpec(4, 4, focus=Focus(0.1, 0)),
        *(ImageSpec(4, 4, format=format_) for format_ in ("webp", "avif", "png")),
    ]  # fmt: skip
    assert len({name(spec) for spec in specs}) == len(specs)
    assert all(check(name(spec)) for spec in specs)


def test_the_focal_point_of_the_medium_counts_unless_another_is_given():
    own = Focus(0.2, 0.8)
    assert name(ImageSpec(4, 4), own) == name(ImageSpec(4, 4, focus=own)) != name(ImageSpec(4, 4))
    assert name(ImageSpec(4, 4, focus=Focus(0.5, 0.5)), own) == name(ImageSpec(4, 4))


def test_a_format_that_nobody_chose_is_jpeg_or_with_alpha_png():
    jpeg, png = image_spec.settled(image_spec.canonical(ImageSpec(width=4)))
    assert (jpeg.format, jpeg.quality, png.format, png.quality) == ("jpeg", 82, "png", None)


def test_a_spec_is_json_as_well():
    assert msgspec.json.decode(b'{"width":4,"focus":{"x":0,"y":1}}', type=ImageSpec).focus == Focus(0, 1)
