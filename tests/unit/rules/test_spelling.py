"""A wrong name is answered with the one that was meant."""

import pytest

from gigaday.rules.spelling import nearest

NAMES = ("PORT", "HOST", "MONGODB_URI", "MONGODB_DATABASE", "GIGADAY_DATA_DIR")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("MONGODB_URL", "MONGODB_URI"),
        ("GIGADAY_DATADIR", "GIGADAY_DATA_DIR"),
        ("GIGADAY_PORT", "PORT"),
        ("GIGADAY_MONGODB_URI", "MONGODB_URI"),
        ("DATA_DIR", "GIGADAY_DATA_DIR"),
    ],
)
def test_names_the_nearest(wrong: str, meant: str) -> None:
    assert nearest(wrong, NAMES) == meant


def test_names_nothing_where_nothing_is_near() -> None:
    assert nearest("CLOUDFRONT_DOMAIN", NAMES) is None
