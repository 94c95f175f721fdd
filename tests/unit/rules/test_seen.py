from gigaday.rules.seen import SeenKeys


def test_a_key_is_new_once_and_then_its_first_line_is_known():
    seen = SeenKeys()
    assert [seen.first_line(key, line) for line, key in enumerate("abab", 1)] == [None, None, 1, 2]


def test_ten_thousand_keys_are_told_apart_while_it_grows():
    seen = SeenKeys()
    assert all(seen.first_line(f"sku-{line}", line) is None for line in range(1, 10_001))
    assert all(seen.first_line(f"sku-{line}", 0) == line for line in range(1, 10_001))
