import pytest

from gigaday.rules.object_keys import check


def test_a_key_comes_back():
    assert check("media/acme/zz/01h-f_7.png") == "media/acme/zz/01h-f_7.png"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "a/../b", ".partial/x", "a\\b", "a b", "ü", "a\n", "x" * 901]
)
def test_what_could_be_a_path_is_refused(key):
    with pytest.raises(ValueError, match="not an object key"):
        check(key)
