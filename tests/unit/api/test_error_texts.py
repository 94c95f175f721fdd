"""Every error code is explained once."""

from gigaday.api import error_texts
from gigaday.errors import BadCursor, NotFound


def test_every_code_has_a_text_and_every_text_a_code() -> None:
    assert {kind.code for kind in error_texts.kinds()} == set(error_texts.TEXTS)


def test_kinds_reach_the_leaves_of_the_tree() -> None:
    assert {NotFound, BadCursor} <= set(error_texts.kinds())


def test_the_page_has_one_section_for_each_code() -> None:
    assert error_texts.markdown().count("\n## ") == len(error_texts.TEXTS)
