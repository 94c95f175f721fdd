import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import BadCursor
from gigaday.rules import cursors

QUESTION = ("acme", "products", "name")


@given(st.one_of(st.none(), st.text(), st.integers(-(2**53), 2**53)), st.text(min_size=1))
def test_a_cursor_comes_back_as_it_was(value, id):
    assert cursors.read(cursors.make((value, id), QUESTION, b"key"), QUESTION, b"key") == (value, id)


@pytest.mark.parametrize("question", [("other", "products", "name"), ("acme", "media", "name"), ("acme", "products")])
def test_a_cursor_of_another_tenant_or_list_is_refused(question):
    with pytest.raises(BadCursor):
        cursors.read(cursors.make(("a", "b"), QUESTION, b"key"), question, b"key")


@given(st.text(max_size=80))
def test_a_forged_cursor_is_refused(text):
    with pytest.raises(BadCursor):
        cursors.read(text, QUESTION, b"key")


def test_a_changed_cursor_is_refused():
    cursor = cursors.make(("a", "b"), QUESTION, b"key")
    for at in range(len(cursor) - 1):
        with pytest.raises(BadCursor):
            cursors.read(cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :], QUESTION, b"key")
