import struct

import pytest

from gigaday.ops.demo_images import SIZE, draw, svg
from gigaday.rules.catalogue import SHELVES


@pytest.mark.parametrize("category", [*(shelf.category for shelf in SHELVES), "something else"])
def test_every_category_is_drawn_as_a_square_png(category):
    picture = draw(category, 1)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (SIZE, SIZE)


def test_every_category_of_the_catalogue_has_a_shape_of_its_own():
    parcel = svg("something else", 1).rsplit("<g ", 1)[1].split(">", 1)[1]
    assert not any(parcel in svg(shelf.category, 1) for shelf in SHELVES)


def test_the_same_seed_draws_the_same_picture_and_another_seed_another():
    assert draw("mugs", 3) == draw("mugs", 3)
    assert draw("mugs", 3) != draw("mugs", 4)
