import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules.etags import ENCODINGS, base_tag, for_encoding, matches, strong


def test_a_tag_follows_its_parts() -> None:
    assert strong("a", b"b") == strong(b"a", "b")
    assert strong("ab", "") != strong("a", "b") != strong("b", "a")


@given(st.lists(st.binary()), st.sampled_from(ENCODINGS))
def test_each_encoding_has_a_tag_that_leads_back(parts: list[bytes], encoding: str) -> None:
    etag = strong(*parts)
    assert base_tag(etag) == etag == for_encoding(etag, "")
    assert for_encoding(etag, encoding) != etag
    assert base_tag(for_encoding(etag, encoding)) == etag


def test_a_weak_tag_keeps_its_mark() -> None:
    assert base_tag(for_encoding('W/"a"', "br")) == 'W/"a"'


@pytest.mark.parametrize(
    ("header", "weak", "strongly"),
    [
        ('"a"', True, True),
        ('W/"a"', True, False),
        ("*", True, True),
        (" * ", True, True),
        ('"x", "a"', True, True),
        ('"x,y","a"', True, True),
        ('"a-zstd"', False, True),
        ('W/"a-zstd"', False, False),
        ('"b"', False, False),
        ('"A"', False, False),
        ("a", False, False),
        ("", False, False),
        ('"a', False, False),
        ('"x", *', False, False),
        ('junk"a"', True, False),
        ('"a"junk', True, False),
        ('"x" "a"', True, False),
        (', "a" ,, ', True, True),
    ],
)
def test_compares(header: str, weak: bool, strongly: bool) -> None:
    assert matches(header, '"a"', weak=True) is weak
    assert matches(header, '"a"', weak=False) is strongly


def test_a_weak_tag_matches_weakly_alone() -> None:
    assert matches('"a"', 'W/"a"', weak=True)
    assert not matches('"a"', 'W/"a"', weak=False)


@given(st.text(), st.booleans())
def test_no_header_crashes(header: str, weak: bool) -> None:
    assert matches(header, '"0123456789abcdef"', weak=weak) in (True, False)
