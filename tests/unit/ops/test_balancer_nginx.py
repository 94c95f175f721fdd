"""The text of nginx's configuration; `tests/live/test_nginx.py` runs it."""

from pathlib import Path

from gigaday.ops.balancer import Balancer
from gigaday.ops.balancer_nginx import CONFIG, files


def text(**asked: object) -> str:
    return files(Balancer(nodes=("a:1", "b:2"), **asked), Path("/etc/nginx"))[CONFIG]


def test_least_connections_and_when_a_node_is_left_alone() -> None:
    assert "least_conn;" in text()
    assert text().count("max_fails=3 fail_timeout=30s") == 2


def test_tls_where_there_is_a_certificate() -> None:
    assert "ssl" not in text()
    assert "ssl http2" in text(certificate=Path("/etc/pem"))


def test_whose_claims_are_passed_on_is_named() -> None:
    assert "192.0.2.0/24 1;" in text(behind=("192.0.2.0/24",))
