"""The text of HAProxy's configuration; `tests/live/test_haproxy.py` runs it."""

from pathlib import Path

from gigaday.ops.balancer import Balancer
from gigaday.ops.balancer_haproxy import CONFIG, files


def text(**asked: object) -> str:
    return files(Balancer(nodes=("a:1", "unix:/run/b.sock"), **asked), Path("/etc/haproxy"))[CONFIG]


def test_slots_follow_the_nodes_and_are_disabled() -> None:
    made = text(slots=2)
    assert "server node2 unix@/run/b.sock" in made
    assert [f"server node{n} 127.0.0.1:1 disabled" in made for n in (2, 3, 4, 5)] == [False, True, True, False]


def test_what_is_not_asked_for_is_not_there() -> None:
    plain = text()
    asked = text(admin_socket=Path("/run/admin"), metrics="127.0.0.1:9101", certificate=Path("/etc/pem"))
    for part in ("stats socket", "prometheus-exporter", "ssl crt"):
        assert part not in plain
        assert part in asked


def test_whose_claims_are_passed_on_is_named() -> None:
    assert "src 192.0.2.0/24" in text(behind=("192.0.2.0/24",))
    assert "from_proxy" not in text()
