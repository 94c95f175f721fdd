"""Limits that an operator sets, tries out and takes back while a node serves, on its own and with Redis."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.node import MAIN, Node
from tests.servers.redis import RedisCluster

pytestmark = pytest.mark.live
WITHIN = 2.0
"""Seconds in which a node follows a change of limits."""


@pytest.fixture(params=["embedded", "redis"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path / "data")}
    if request.param == "redis":
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        cluster.flush()  # buckets of other tests' tenants of that name
        environ |= {"REDIS_CLUSTER_URLS": cluster.urls, "CLUSTER_SIZE": "1"}
    node = Node(environ, tmp_path / "node.log").start()
    assert node.cli("tenants", "create", "acme").returncode == 0
    yield node
    node.kill()


@pytest.fixture
def ask(node: Node) -> Iterator[Callable[[], httpx.Response]]:
    """One request of `acme`'s."""
    secret = json.loads(node.cli("tokens", "create", "acme").stdout)["secret"]
    with httpx.Client(headers={"Authorization": f"Bearer {secret}"}) as client:
        yield lambda: client.get(f"{node.url}/api/v1/products/none")


def limits(node: Node, *words: str) -> dict[str, Any]:
    """What the command shows of `acme`, or of its plan."""
    done = node.cli("limits", *words)
    assert done.returncode == 0, done.stderr
    shown = {one["name"]: one for one in json.loads(done.stdout)}
    return dict(shown.get("tenant:acme", shown["free"]))


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def policy(answer: httpx.Response) -> str:
    return answer.headers["ratelimit-policy"]


def test_a_limit_set_is_in_force_until_it_is_unset(node: Node, ask: Callable[[], httpx.Response]) -> None:
    assert policy(ask()) == '"free";q=600;w=60'
    limits(node, "set", "tenant:acme", "5", "3600")
    until(lambda: policy(ask()) == '"tenant";q=5;w=3600', WITHIN)
    refused = [answer for answer in (ask() for _ in range(6)) if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) > 0
    limits(node, "unset", "tenant:acme")
    until(lambda: ask().status_code == 404, WITHIN)
    assert policy(ask()) == '"free";q=600;w=60'


def test_a_trial_refuses_nothing_and_counts_what_it_would_have(node: Node, ask: Callable[[], httpx.Response]) -> None:
    ask()
    limits(node, "shadow", "tenant:acme", "5", "3600")
    until(lambda: ask().status_code == 404 and limits(node, "show")["wouldRefuse"] > 0, 30)
    counted = limits(node, "show")["wouldRefuse"]
    assert {ask().status_code for _ in range(20)} == {404}
    assert policy(ask()) == '"free";q=600;w=60'
    until(lambda: limits(node, "show")["wouldRefuse"] >= counted + 20, WITHIN + 5)
    assert limits(node, "shadow", "tenant:acme", "--off")["shadow"] == ""


def test_people_read_whole_figures(node: Node) -> None:
    limits(node, "shadow", "tenant:acme", "5000", "60")
    shown = on_a_terminal(node, "limits", "show")
    for text in (
        "60,000 in 60 s",
        "1,000,000,000 in 60 s",
        "5,000 in 60 s",
        "would refuse",
        "as its plan",
    ):
        assert text in shown


def on_a_terminal(node: Node, *words: str) -> str:
    """What a person sees of a command, on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, **node.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", MAIN, *words], env=environ, stdout=theirs, stdin=theirs) as process:
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 65_536):
                seen += more
        except OSError:  # the other end has closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return seen.decode()
