from gigaday.rules.dominant_color import dominant


def test_the_most_frequent_colour_wins_over_the_mean():
    pixels = bytes([200, 10, 10]) * 6 + bytes([10, 10, 200]) * 4
    assert dominant(pixels, 3) == "#c80a0a"


def test_shades_of_one_colour_count_together():
    pixels = bytes([200, 10, 10]) * 3 + bytes([204, 14, 14]) * 3 + bytes([10, 200, 10]) * 4
    assert dominant(pixels, 3) == "#ca0c0c"


def test_what_cannot_be_seen_does_not_count():
    assert dominant(bytes([255, 255, 255, 0]) * 9 + bytes([1, 2, 3, 255]), 4) == "#010203"
    assert dominant(bytes([255, 255, 255, 0]) * 9, 4) is None
