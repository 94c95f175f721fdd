from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules.clients import UNKNOWN, client_of

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "1.1.1.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", "1.1.1.1, 2.2.2.2, 10.9.9.9", "2.2.2.2"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "2.2.2.2:8080", "2.2.2.2"),
        ("fd00::1", "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "2.2.2.2", "2.2.2.2"),
        ("2001:db8:1:2:ffff::9", "", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("10.0.0.1", "1.1.1.1, junk", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, junk, 10.3.3.3", "10.3.3.3"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", "9.9.9.9," + "10.0.0.2," * 5_000 + "10.0.0.3", "10.0.0.2"),
        ("", "1.1.1.1", UNKNOWN),
        ("unix:", "1.1.1.1", UNKNOWN),
    ],
)
def test_finds_the_client(peer: str, forwarded: str, client: str) -> None:
    assert client_of(peer, forwarded, TRUSTED) == client


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("", "1.1.1.1", "1.1.1.1"),
        ("", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        ("", "1.1.1.1, 10.0.0.1", "1.1.1.1"),
        ("", "", UNKNOWN),
        ("", "junk", UNKNOWN),
        ("192.0.2.1", "1.1.1.1", "192.0.2.1"),
        ("junk", "1.1.1.1", UNKNOWN),
    ],
)
def test_only_the_peer_at_the_own_socket_is_believed_without_an_address(peer: str, forwarded: str, client: str) -> None:
    assert client_of(peer, forwarded, TRUSTED, local=True) == client


@given(st.text(), st.text(alphabet="0123456789abcdef.:[],% x"))
def test_no_header_crashes(peer: str, forwarded: str) -> None:
    assert client_of(peer, forwarded, TRUSTED)
    assert client_of("10.0.0.1", forwarded, TRUSTED)
