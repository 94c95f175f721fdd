import codecs
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules import sniff

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0"
GIF = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (GIF, "image/gif"),
        (JPEG, "image/jpeg"),
        (WEBP, "image/webp"),
        (b"ID3\x03\0\0\0\0\0\0\0", "audio/mpeg"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 8, "video/mp4"),
        (b"%PDF-1.7\n1 0 obj\n", "application/pdf"),
        (b"{\\rtf1 hello}", "application/rtf"),
        (b"hello, world", "text/plain"),
        ("Grüße, 世界".encode(), "text/plain"),
        (codecs.BOM_UTF16_LE + "hello".encode("utf-16-le"), "text/plain"),
        (b'{"a": [1, 2]}', "application/json"),
        (b"[not json]", "text/plain"),
        (b"MZ\x90\0\x03\0\0\0", "application/x-msdownload"),
        (b"\x01\x02\x03\x04\x05", "application/octet-stream"),
        (b"", "text/plain"),
    ],
)
def test_the_type_is_read_from_the_bytes(head: bytes, kind: str) -> None:
    assert sniff.content_type(head) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?>\n<!-- x --><svg:svg xmlns:svg='...'/>", "image/svg+xml"),
        (b"\xef\xbb\xbf  \n<!DOCTYPE svg PUBLIC ''><svg/>", "image/svg+xml"),
        (b"<!DOCTYPE html><p>hello", "text/html"),
        (b"  \n\t<HTML><body>", "text/html"),
        (b"<ScRiPt>alert(1)</sCrIpT>", "text/html"),
        (b"<html><svg></svg></html>", "text/html"),
        (b"<!-- hidden --><img src=x onerror=alert(1)>", "text/html"),
        (b"<x onclick=alert(1)>", "text/html"),
        (b"<?xml version='1.0'?><feed/>", "application/xml"),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "text/html"),
        (b"<html>caf\xe9</html>", "text/html"),
        (b"\0\0<script>alert(1)</script>", "text/html"),
        (codecs.BOM_UTF16_BE + "<html>".encode("utf-16-be"), "text/html"),
    ],
)
def test_markup_is_recognised_whatever_precedes_it_and_is_never_shown_in_place(head: bytes, kind: str) -> None:
    assert sniff.content_type(head, "image/png") == kind
    assert not sniff.is_inline_safe(kind)


def test_a_picture_that_carries_a_script_is_a_picture() -> None:
    assert sniff.content_type(GIF + b"<script>alert(1)</script>", "text/html") == "image/gif"


def test_words_that_begin_like_a_magic_number_are_text() -> None:
    assert sniff.content_type(b"BMW and Audi") == "text/plain"
    assert sniff.content_type(b"GIF89a/*<svg onload=alert(1)>*/=1", "image/gif") == "text/plain"


@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml", "application/javascript", "image/png", "nonsense"])
def test_a_declared_type_is_not_believed(declared: str) -> None:
    assert sniff.content_type(b"alert(1)", declared) == "text/plain"
    assert sniff.content_type(b"\x01\x02\x03", declared) == "application/octet-stream"


def test_a_declared_kind_of_harmless_text_is_taken_for_text_alone() -> None:
    assert sniff.content_type(b"a,b\n1,2\n", "Text/CSV; charset=utf-8") == "text/csv"
    assert sniff.content_type(PNG, "text/csv") == "image/png"
    assert sniff.content_type(b"<svg/>", "text/plain") == "image/svg+xml"


def test_a_long_json_file_needs_its_declaration() -> None:
    text = json.dumps(["x" * 100] * 2000).encode()
    assert sniff.content_type(text, "application/json") == "application/json"


def test_deep_json_does_not_exhaust_the_stack() -> None:
    assert sniff.content_type(b"[" * 60_000) == "text/plain"


def test_a_character_cut_at_the_end_of_the_head_is_still_text() -> None:
    assert sniff.content_type(("x" * (sniff.HEAD - 1) + "é").encode()) == "text/plain"


def test_an_archive_is_an_attachment() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.html", "<script>")
    kind = sniff.content_type(packed.getvalue())
    assert kind == "application/zip"
    assert not sniff.is_inline_safe(kind)


@pytest.mark.parametrize(
    ("kind", "safe"),
    [
        ("image/png", True),
        ("image/svg+xml", False),
        ("audio/mpeg", True),
        ("video/mp4", True),
        ("text/plain", True),
        ("text/csv", False),
        ("text/html", False),
        ("application/pdf", False),
        ("application/x-shockwave-flash", False),
        ("application/octet-stream", False),
    ],
)
def test_what_may_be_shown_in_place(kind: str, safe: bool) -> None:
    assert sniff.is_inline_safe(kind) is safe


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", PNG, GIF, JPEG, WEBP, b"PK\x03\x04", b"%PDF-", b"<", b"{"]),
    st.text(),
)
def test_any_bytes_have_a_type(rest: bytes, start: bytes, declared: str) -> None:
    assert "/" in sniff.content_type(start + rest, declared)
