"""Links hold as they were made, and not otherwise."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import Forbidden
from gigaday.rules import links

KEY = links.key_of(b"a pepper of sixteen")
PATH = links.path("acme", "01h", "ab" * 32, "stühle & co?.png")
NOW = 1_000_000.0


def follow(link: str, now: float = NOW, key: bytes = KEY) -> links.Checked:
    path, _, query = link.partition("?")
    return links.check(unquote(path), query.encode(), key, now)


def test_a_signed_link_is_what_it_was_made_as() -> None:
    link = links.sign(PATH, [("w", "400"), ("fit", "cover")], KEY, expires=int(NOW) + 60)
    assert follow(link) == ({"w": "400", "fit": "cover"}, int(NOW) + 60, True)


def test_the_order_of_its_query_is_nothing() -> None:
    path, _, query = links.sign(PATH, [("w", "400"), ("h", "3")], KEY).partition("?")
    assert follow(f"{path}?{'&'.join(reversed(query.split('&')))}").signed


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name and name.isprintable()))
def test_whatever_the_file_is_named(name: str) -> None:
    assert follow(links.sign(links.path("acme", "01h", "00", name), [], KEY)).signed


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link.replace("acme", "other"),
        lambda link: link.replace("w=400", "w=401"),
        lambda link: link + "&h=1",
        lambda link: link.replace("w=400&", ""),
        lambda link: link.replace("expires=1000060", "expires=1000061"),
        lambda link: link.replace("expires=1000060&", ""),
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "B"),
        lambda link: link.replace("signature=", "signature=é"),
        lambda link: link + "&signature=x",
        lambda link: link + "&w=400",
        lambda link: link.replace("%26", "+"),
    ],
)
def test_a_link_that_was_changed_is_refused(change) -> None:
    link = change(links.sign(PATH, [("w", "400")], KEY, expires=int(NOW) + 60))
    with pytest.raises(Forbidden):
        follow(link.replace("é", "%C3%A9"))


def test_a_path_cannot_pass_for_a_query() -> None:
    told = links.sign("/files/a/b/c/d", [("w", "1")], KEY).partition("signature=")[2]
    with pytest.raises(Forbidden):
        links.check("/files/a/b/c/d?w=1", f"signature={told}".encode(), KEY, NOW)


def test_another_key_is_refused() -> None:
    with pytest.raises(Forbidden):
        follow(links.sign(PATH, [], KEY), key=links.key_of(b"another"))


def test_it_ends_when_it_expires() -> None:
    link = links.sign(PATH, [], KEY, expires=int(NOW) + 60)
    assert follow(link, NOW + 59).signed
    with pytest.raises(Forbidden, match="expired"):
        follow(link, NOW + 60)


def test_without_a_signature_nothing_is_proven() -> None:
    assert follow(links.unsigned(PATH, [("preset", "small"), ("expires", "9")])) == ({"preset": "small"}, None, False)


def test_links_of_one_hour_are_the_same_and_last_as_long_as_asked() -> None:
    ends = {links.expiry(7_200.0 + second, 3_600) for second in range(1, 3_601)}
    assert ends == {14_400}
    assert links.expiry(7_200.0, 3_600) == 10_800
