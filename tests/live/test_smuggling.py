"""Requests that two readers might take for different ones: no layer hands on more than one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaday.ops.balancer import Balancer, Engine
from tests.servers import running
from tests.servers.balancer import Running, exchange
from tests.servers.node import Node
from tests.servers.origin import Origin, serving

HOST = b"Host: x\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


def post(headers: bytes, body: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


REFUSED = {
    "two lengths": post(b"Content-Length: 1\r\nContent-Length: 40\r\n", b"x" + HIDDEN),
    "a signed length": post(b"Content-Length: +1\r\n", b"x" + HIDDEN),
    "another encoding": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "two encodings": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + HIDDEN),
    "a space before the colon": post(b"Content-Length : 1\r\n", b"x" + HIDDEN),
    "an encoding with a space": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "an encoding with a tab": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "chunks in HTTP/1.0": post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN).replace(b"1.1", b"1.0", 1),
    "a bare carriage return": b"GET /a HTTP/1.1\r\n" + HOST + b"X-A: b\rX-B: c\r\n\r\n",
    "a control character in the path": b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
}
"""What the node, HAProxy and nginx all refuse."""

REFUSED_BY_THE_NODE = {"a null": b"GET /a HTTP/1.1\r\n" + HOST + b"X-A: b\x00c\r\n\r\n"}

REFUSED_BY_BALANCERS = {
    "a chunk's size that is no number": post(b"Transfer-Encoding: chunked\r\n", b"zz\r\nab\r\n0\r\n\r\n" + HIDDEN),
    "a chunk's size in C's way": post(b"Transfer-Encoding: chunked\r\n", b"0x2\r\nab\r\n0\r\n\r\n" + HIDDEN),
    "an address that is not the host": b"GET http://y/a HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /a\r\n",
}

ONE_MEANING = {
    **REFUSED_BY_THE_NODE,
    "length and encoding": post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "the same length twice": post(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x"),
    "a list of lengths": post(b"Content-Length: 1, 1\r\n", b"x"),
    "a folded header": b"GET /a HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET /a HTTP/1.1\nHost: x\n\n",
    "an address that is the host": b"GET http://x/a HTTP/1.1\r\n" + HOST + b"\r\n",
}
"""What some refuse, and others may understand as the one request that it is."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    node = Node({"GIGADAY_DATA_DIR": str(folder / "data")}, folder / "log").start()
    yield node
    node.kill()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    origin = Origin()
    with serving(origin):
        yield origin


@pytest.fixture(scope="module", params=["haproxy", "nginx"])
def balancer(
    request: pytest.FixtureRequest, origin: Origin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    engine: Engine = request.param
    folder: Path = tmp_path_factory.mktemp(engine)
    with running(Running(engine, Balancer(nodes=(origin.address,)), folder)) as started:
        yield started


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answered)]


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_BY_THE_NODE])
def test_the_node_refuses(node: Node, name: str) -> None:
    assert statuses(exchange(node.port, {**REFUSED, **REFUSED_BY_THE_NODE}[name])) == [400]


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_BY_BALANCERS])
def test_the_balancer_refuses_it_and_no_node_sees_any_of_it(balancer: Running, origin: Origin, name: str) -> None:
    origin.seen.clear()
    answered = statuses(exchange(balancer.port, {**REFUSED, **REFUSED_BY_BALANCERS}[name]))
    assert answered in ([400], [501]) or (name == "no version" and not answered)
    assert [one for one in origin.seen if one["path"] != "/a" or one["body"]] == []


@pytest.mark.parametrize("name", ONE_MEANING)
def test_the_node_sees_no_second_request_in_it(balancer: Running, origin: Origin, name: str) -> None:
    origin.seen.clear()
    answered = statuses(exchange(balancer.port, ONE_MEANING[name]))
    assert answered in ([200], [400])
    assert [one["path"].removeprefix("http://x") for one in origin.seen] == ["/a"] * (answered == [200])
    for one in origin.seen:
        names = [header for header, _ in one["headers"]]
        assert names.count("content-length") + names.count("transfer-encoding") <= 1, json.dumps(one)


@pytest.mark.parametrize("name", ["length and encoding"])
def test_nor_does_the_node_by_itself(node: Node, name: str) -> None:
    assert len(statuses(exchange(node.port, ONE_MEANING[name]))) == 1
