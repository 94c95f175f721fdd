from gigaday.imaging.recent import Recent


def test_what_was_asked_for_longest_ago_goes_first():
    recent = Recent[int](2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_one_put_again_is_one():
    recent = Recent[int](2)
    for value in (1, 2, 3):
        recent.put("a", value)
    recent.put("b", 4)
    assert (recent.get("a"), recent.get("b")) == (3, 4)
