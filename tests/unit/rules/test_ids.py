from gigaday.rules import ids


def test_ids_sort_by_the_time_they_were_made():
    earlier = ids.make(1_700_000_000.001, b"\xff" * 10)
    later = ids.make(1_700_000_000.002, b"\x00" * 10)
    assert earlier < later


def test_an_id_has_the_shape_that_is_checked():
    assert ids.is_id(ids.make(0, b"\0" * 10))
    assert ids.is_id(ids.make(2**40, b"\xff" * 10))


def test_other_texts_are_no_ids():
    for text in ("", "a" * 25, "a" * 27, "A" * 26, "u" * 26, "../" + "a" * 23, "a" * 26 + "\n"):
        assert not ids.is_id(text)
