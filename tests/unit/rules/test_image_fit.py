import pytest

from gigaday.contracts import Focus, ImageSpec
from gigaday.rules.image_fit import place
from gigaday.rules.image_spec import canonical


def placed(width: int, height: int, /, **spec):
    return place(canonical(ImageSpec(**spec)), width, height)


@pytest.mark.parametrize(
    ("image", "asked", "size"),
    [
        ((2000, 1000), {"width": 400}, (400, 200)),
        ((2000, 1000), {"height": 100}, (200, 100)),
        ((2000, 1000), {"width": 400, "height": 400, "fit": "inside"}, (400, 200)),
        ((2000, 1000), {"width": 400, "height": 400, "fit": "outside"}, (800, 400)),
        ((2000, 1000), {}, (2000, 1000)),
        ((9000, 6000), {}, (4096, 2731)),
        ((3000, 1), {"width": 40}, (40, 1)),
    ],
)
def test_proportions_stay(image, asked, size):
    found = placed(*image, **asked)
    assert (found[:2], found.box, found.is_cut, found.is_padded) == (size, size, False, False)


@pytest.mark.parametrize("asked", [{"width": 400}, {"width": 400, "height": 300, "fit": "inside"}, {},
                                   {"width": 400, "height": 300, "fit": "outside"}])  # fmt: skip
def test_what_only_has_to_fit_is_not_enlarged(asked):
    assert placed(100, 50, **asked).box == (100, 50)


def test_what_covers_its_box_is_cut_around_the_focal_point():
    middle = placed(2000, 1000, width=400, height=400)
    assert (middle[:2], middle.left, middle.top, middle.is_cut) == ((800, 400), 200, 0, True)
    left = placed(2000, 1000, width=400, height=400, focus=Focus(0.3, 0.9))
    assert (left.left, left.top) == (40, 0)
    for x, corner in ((0.0, 0), (0.1, 0), (1.0, 400)):  # as far as the picture goes
        assert placed(2000, 1000, width=400, height=400, focus=Focus(x, 0.5)).left == corner


def test_what_covers_its_box_is_enlarged_to():
    found = placed(40, 20, width=400, height=400)
    assert (found[:2], found.box) == ((800, 400), (400, 400))


def test_what_is_contained_has_a_margin():
    found = placed(2000, 1000, width=400, height=400, fit="contain")
    assert (found[:2], found.box, found.left, found.top, found.is_padded) == ((400, 200), (400, 400), 0, -100, True)


def test_what_fills_its_box_is_distorted():
    found = placed(2000, 1000, width=400, height=400, fit="fill")
    assert (found[:2], found.box, found.is_cut, found.is_padded) == ((400, 400), (400, 400), False, False)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("image", [(1, 1), (1, 3001), (4097, 3), (333, 777)])
def test_a_box_is_met_to_the_pixel(fit, image):
    found = placed(*image, width=101, height=67, fit=fit)
    assert found.box == (101, 67)
    if fit == "cover":
        assert found.width >= 101 and found.height >= 67
        assert 0 <= found.left <= found.width - 101 and 0 <= found.top <= found.height - 67
    else:
        assert found.width <= 101 and found.height <= 67
