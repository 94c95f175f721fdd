import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.model.media import MediaPatch
from gigaday.rules import disposition


def test_a_plain_name_is_quoted() -> None:
    assert disposition.header("a b.png", inline=True) == 'inline; filename="a b.png"'


def test_a_unicode_name_is_given_exactly_and_in_plain() -> None:
    assert (
        disposition.header("Stühle €.png", inline=False)
        == "attachment; filename=\"St_hle _.png\"; filename*=UTF-8''St%C3%BChle%20%E2%82%AC.png"
    )


@pytest.mark.parametrize("name", ['a"; filename="evil.html', "a\r\nSet-Cookie: x=1", "a\\", "\0", "%41", "\ud800"])
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    header = disposition.header(name, inline=False)
    assert re.fullmatch(r"attachment; filename=\"[ !#-$&-\[\]-~]*\"(; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?", header)


@given(st.text(min_size=1))
def test_any_name_comes_back_from_its_own_header(name: str) -> None:
    name = disposition.clean(name)
    assert disposition.parse(disposition.header(name, inline=False)) == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/", "upload"),
        ("..", "upload"),
        (" . ", "upload"),
        ("", "upload"),
        ("a\r\nb.png", "ab.png"),
        ("a\0.png", "a.png"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("Stühle 椅子.png", "Stühle 椅子.png"),
        ("\ud800.png", ".png"),
    ],
)
def test_a_sent_name_is_made_harmless(sent: str, kept: str) -> None:
    assert disposition.clean(sent) == kept


def test_a_long_name_keeps_its_extension() -> None:
    assert disposition.clean("x" * 500 + ".jpeg") == "x" * 250 + ".jpeg"
    assert disposition.clean("x" * 500) == "x" * 255


@given(st.text(st.characters()))
def test_a_cleaned_name_is_one_that_a_client_could_set(name: str) -> None:
    msgspec.convert({"filename": disposition.clean(name)}, MediaPatch)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('attachment; filename="a.png"', "a.png"),
        ("attachment; filename=a.png", "a.png"),
        ("attachment; filename=\"x\"; filename*=UTF-8''St%C3%BChle.png", "Stühle.png"),
        ('attachment; filename="Stühle.png"'.encode().decode("latin-1"), "Stühle.png"),
        ("inline", None),
        ("", None),
        ("attachment; filename*=UTF-8''%FF", "\ufffd"),
        ("attachment; filename*=iso-8859-1'de'St%FChle", "Stühle"),
    ],
)
def test_a_sent_header_is_read(value: str, name: str | None) -> None:
    assert disposition.parse(value) == name


@given(st.text(st.characters(max_codepoint=255)))
def test_any_sent_header_is_survived(value: str) -> None:
    for start in ("", "attachment; filename=", "attachment; filename*=", "attachment; filename*0*=x''"):
        disposition.clean(disposition.parse(start + value) or "")


@pytest.mark.parametrize("value", ["attachment; filename*=undefined''a", "attachment; filename*=idna'x'a%20b"])
def test_a_character_set_that_does_not_fit_is_no_name(value: str) -> None:
    assert disposition.parse(value) is None


@pytest.mark.parametrize("value", ["a; filename*=x; filename*0*=y", "a; filename*=a%00b''c"])
def test_a_header_that_no_parser_can_order_names_nothing(value: str) -> None:
    assert disposition.parse(value) is None
