import blurhash
import pytest

from gigaday.contracts import Described
from gigaday.imaging.look import look
from gigaday.imaging.render import Unrenderable
from tests import pictures
from tests.pictures import RED, WHITE

PIXELS = 10_000_000


def looked(tmp_path, data: bytes) -> Described:
    path = tmp_path / "a"
    path.write_bytes(data)
    return look(str(path), PIXELS)


def test_a_picture_is_told_by_its_colour_shape_and_size(tmp_path):
    found = looked(tmp_path, pictures.png(pictures.plain(300, 200)))
    assert (found.color, found.width, found.height) == ("#dc1e1e", 300, 200)
    assert all(abs(a - b) < 15 for a, b in zip(blurhash.decode(found.blurhash, 4, 3)[1][1], RED, strict=True))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_told_as_it_is_seen(tmp_path, orientation):
    found = looked(tmp_path, pictures.oriented(120, 80, orientation))
    assert (found.width, found.height) == (120, 80)
    assert blurhash.components(found.blurhash) == (4, 3)
    seen = blurhash.decode(found.blurhash, 12, 8)
    assert seen[1][1][0] > 150 > seen[1][1][1] and min(seen[6][10]) > 150


def test_one_that_is_tall_has_more_waves_downwards(tmp_path):
    assert blurhash.components(looked(tmp_path, pictures.png(pictures.plain(20, 90))).blurhash) == (3, 4)


def test_what_cannot_be_seen_has_no_colour_and_stands_on_white(tmp_path):
    found = looked(tmp_path, pictures.png(pictures.plain(20, 20, (*RED, 0))))
    assert found.color is None
    assert min(blurhash.decode(found.blurhash, 1, 1)[0][0]) >= WHITE[0]


def test_what_is_damaged_is_refused(tmp_path):
    with pytest.raises(Unrenderable):
        looked(tmp_path, pictures.png(pictures.plain(20, 20))[:60])
