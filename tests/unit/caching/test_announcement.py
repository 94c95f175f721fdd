"""Tests of `caching.announcement`."""

import pytest

from gigaday.caching import announcement
from gigaday.caching.announcement import Announcement, BadAnnouncement, Receipt


def test_an_announcement_arrives_as_it_was_sent() -> None:
    said = Announcement("n1", 7, 1.5, ("acme/products/1",), ("acme",), {"n2": 3}, urgent=True)
    assert announcement.decode(announcement.encode(said)) == said


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93\x01\x02\x03", b'{"node":"n1"}'])
def test_what_another_version_says_is_told_apart(raw: bytes) -> None:
    with pytest.raises(BadAnnouncement):
        announcement.decode(raw)


def test_a_receipt_survives_its_token() -> None:
    assert announcement.parse(Receipt("n1", 42).token) == Receipt("n1", 42)
    assert Receipt().token == ""


@pytest.mark.parametrize("token", ["", "n1", ".5", "n1.", "n1.x", "n1.-1", "n1.\u0663", "n" * 90 + ".1"])
def test_what_is_no_receipt_is_none(token: str) -> None:
    assert announcement.parse(token) is None
