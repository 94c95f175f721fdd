"""What a balancer is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from gigaday.ops.balancer import ERRORS, Balancer, BalancerError, Engine, Limits, problem
from gigaday.ops.balancer_files import render


@pytest.mark.parametrize(
    "nodes", [(), ("nonsense",), ("a:0",), ("a:70000",), ("a:1 b:2",), ("unix:relative",), ("a:1;}",), ("a:1", "a:1")]
)
def test_what_is_no_list_of_nodes_is_refused(nodes: tuple[str, ...]) -> None:
    with pytest.raises(BalancerError):
        Balancer(nodes=nodes)


@pytest.mark.parametrize(
    "asked",
    [
        {"listen": "unix:/run/x.sock"},
        {"metrics": "nonsense"},
        {"behind": ("10.0.0.0/8\n    http-request deny",)},
        {"behind": ("10.0.0.1/8",)},
        {"certificate": Path("/etc/a;}b.pem")},
        {"admin_socket": Path("/run/a level user")},
        {"nodes": ("unix:/run/a#b",)},
        {"slots": -1},
        {"slots": 10**9},
    ],
)
def test_what_would_be_read_as_something_else_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(BalancerError):
        Balancer(**{"nodes": ("a:1",), **asked})


@pytest.mark.parametrize("engine", ["haproxy", "nginx"])
def test_every_node_stands_in_the_configuration(engine: Engine) -> None:
    nodes = ("10.0.0.1:8080", "[fd00::1]:8080", "api-3.example.com:80", "unix:/run/gigaday.sock")
    main = next(iter(render(engine, Balancer(nodes=nodes), Path("/etc/x")).values()))
    assert all(f"server {node} max_fails=3 fail_timeout=30s" in main for node in nodes) or engine == "haproxy"
    assert all(node.removeprefix("unix:") in main for node in nodes)


@pytest.mark.parametrize("engine", ["haproxy", "nginx"])
def test_the_balancer_waits_longer_than_the_node(engine: Engine) -> None:
    asked = Balancer(nodes=("a:1",), limits=Limits(request_timeout=37))
    main = next(iter(render(engine, asked, Path("/etc/x")).values()))
    assert ("timeout server 39000ms" if engine == "haproxy" else "proxy_read_timeout 39s") in main


def test_a_node_is_handed_less_than_it_refuses_at() -> None:
    assert Limits(max_in_flight=1000).handed < 800
    assert Limits(max_in_flight=1).handed == Limits(max_in_flight=1).queued == 1


@pytest.mark.parametrize("status", ERRORS)
def test_errors_are_problem_documents(status: int) -> None:
    document = json.loads(problem(status, "id7"))
    assert (document["status"], document["request_id"]) == (status, "id7")
