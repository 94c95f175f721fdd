from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules.prefixes import beyond

LAST = "\U0010ffff"


@given(st.text(min_size=1), st.text(), st.text())
def test_what_lies_between_begins_with_the_prefix_and_nothing_else_does(prefix, rest, other):
    end = beyond(prefix)
    assert end is None or prefix + rest < end
    if end is not None:
        end.encode()
        assert (prefix <= other < end) == other.startswith(prefix)


def test_the_end_skips_what_is_no_character():
    assert beyond("a") == "b"
    assert beyond("a" + LAST) == "b"
    assert beyond("\ud7ff") == "\ue000"


def test_nothing_lies_beyond_the_last():
    assert beyond(LAST * 2) is None
    assert beyond("") is None
