import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules.encodings import choose, compressible

OFFERED = ("zstd", "br", "gzip")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br ; q=0.5 , gzip;q=0.500", "br"),
        ("*", "zstd"),
        ("zstd;q=0, *", "br"),
        ("zstd;q=0, *;q=0.1", "br"),
        ("*;q=0", ""),
        ("identity", ""),
        ("identity;q=0.5, gzip;q=0.1", ""),
        ("identity, gzip", "gzip"),
        ("identity;q=0", ""),
        ("gzip;q=0.001", "gzip"),
        ("deflate", ""),
        ("gzip;q=2", ""),
        ("gzip;q=-1", ""),
        ("gzip;q=nan", ""),
        ("gzip;q=inf", ""),
        ("gzip;q=1e0", ""),
        ("gzip;q=0.0001", ""),
        ("gzip;q=", ""),
        ("gzip;level=9", ""),
        ("gzip;q=1;q=0", ""),
        (";q=1,,;,", ""),
        ("gzip;q=٣", ""),
        ("gzip;q=" + "9" * 100_000, ""),
        ("a," * 100_000 + "gzip", ""),
        ("gzip" * 100_000, ""),
    ],
)
def test_chooses(accept: str, chosen: str) -> None:
    assert choose(accept, OFFERED) == chosen


@given(st.text(alphabet='gzipbrstd,;q=01.*" \t\x00é'))
def test_no_header_crashes(accept: str) -> None:
    assert choose(accept, OFFERED) in ("", *OFFERED)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("text/csv", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("application/zip", False),
        ("", False),
    ],
)
def test_text_is_worth_encoding(content_type: str, expected: bool) -> None:
    assert compressible(content_type) is expected
