"""nginx, as `gigaday balancer nginx` configures it, in front of real nodes and of faulty ones."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gigaday.ops.balancer import Balancer, Limits
from tests.servers import running, until
from tests.servers.balancer import Running, exchange
from tests.servers.node import Node
from tests.servers.origin import Origin, serving

HEADER_SECONDS = 10


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    three = [Origin(f"origin{number}") for number in range(1, 4)]
    with serving(*three):
        yield three


def nginx(folder: Path, addresses: list[str]) -> Running:
    return Running("nginx", Balancer(nodes=tuple(addresses)), folder)


def test_no_get_is_lost_when_one_of_three_nodes_is_killed(tmp_path):
    nodes = [Node({"GIGADAY_DATA_DIR": str(tmp_path / f"d{n}")}, tmp_path / f"node{n}.log") for n in range(3)]
    try:
        for node in nodes:
            node.start()
        with running(nginx(tmp_path, [f"127.0.0.1:{node.port}" for node in nodes])) as balancer:
            seen: Counter[object] = Counter()
            with httpx.Client(base_url=balancer.settled().url) as client:
                for number in range(600):
                    if number == 200:
                        nodes[0].kill()
                    seen[client.get("/livez").status_code] += 1
        assert seen == {200: 600}
    finally:
        for node in nodes:
            node.kill()


def test_requests_are_spread(origins, tmp_path):
    with (
        running(nginx(tmp_path, [origin.address for origin in origins])) as balancer,
        ThreadPoolExecutor(8) as clients,
        httpx.Client(base_url=balancer.url) as client,
    ):
        assert set(clients.map(lambda _: client.get("/a").status_code, range(2000))) == {200}
    counts = [len(origin.seen) for origin in origins]
    assert sum(counts) == 2000
    assert min(counts) > 300, counts


def test_a_node_that_fails_fast_is_ejected_and_one_that_sheds_is_not(origins, tmp_path):
    failing, shedding, _ = origins
    failing.answer = lambda method, path: 500
    shedding.answer = lambda method, path: 503
    with (
        running(nginx(tmp_path, [origin.address for origin in origins])) as balancer,
        httpx.Client(base_url=balancer.url) as client,
    ):
        statuses = Counter(client.get("/a").status_code for _ in range(90))
    assert set(statuses) == {200, 503}
    assert len(failing.seen) < 10
    assert len(shedding.seen) > 30


def test_when_all_nodes_fail_their_answers_are_still_passed_on(origins, tmp_path):
    for origin in origins:
        origin.answer = lambda method, path: 500
    with (
        running(nginx(tmp_path, [origin.address for origin in origins])) as balancer,
        httpx.Client(base_url=balancer.url) as client,
    ):
        answers = [client.get("/a") for _ in range(60)]
    assert {answer.status_code for answer in answers} == {500}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("body", [b"", b"x"])
def test_a_write_that_may_have_been_done_is_never_sent_again(origins, tmp_path, method, body):
    for origin in origins:
        origin.answer = lambda method, path: 0
    with running(nginx(tmp_path, [origin.address for origin in origins])) as balancer:
        answer = httpx.request(method, balancer.url + "/a?b=%2F", content=body)
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    [seen] = [seen for origin in origins for seen in origin.seen]
    assert (seen["method"], seen["path"], seen["body"]) == (method, "/a?b=%2F", body.decode())


def test_a_write_to_a_node_that_is_gone_goes_to_another(origins, tmp_path):
    with running(nginx(tmp_path, ["127.0.0.1:9", origins[0].address])) as balancer:
        statuses = [httpx.post(balancer.url + "/a", content=b"x").status_code for _ in range(6)]
    assert statuses == [200] * 6


def test_more_than_the_nodes_take_is_refused_at_once_as_unavailable(origins, tmp_path):
    release = threading.Event()
    origins[0].answer = lambda method, path: 200 if release.wait(10) else 500
    asked = Balancer(nodes=(origins[0].address,), limits=Limits(max_in_flight=1))
    with running(Running("nginx", asked, tmp_path)) as balancer, ThreadPoolExecutor(2) as clients:
        taken = [clients.submit(httpx.get, balancer.url + "/a", timeout=20) for _ in range(2)]
        try:
            until(lambda: len(origins[0].seen) == 2, 5, "not taken", retried=OSError)
            refused = httpx.get(balancer.url + "/a")
        finally:
            release.set()
        assert [one.result().status_code for one in taken] == [200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["code"] == "unavailable"


def test_errors_of_the_balancer_are_problems_with_an_id_and_when_to_come_back(tmp_path):
    with running(nginx(tmp_path, ["127.0.0.1:9"])) as balancer:
        answer = httpx.get(balancer.url + "/a", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("mine", "mine")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics?a=1"])
def test_figures_of_the_nodes_are_not_for_the_public(origins, tmp_path, path):
    with running(nginx(tmp_path, [origins[0].address])) as balancer:
        answer = httpx.get(balancer.url + path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert origins[0].seen == []


def test_a_node_learns_the_real_address_and_a_clean_request_id(origins, tmp_path):
    with running(nginx(tmp_path, [origins[0].address])) as balancer:
        httpx.get(balancer.url + "/a", headers={"X-Forwarded-For": "9.9.9.9", "X-Request-Id": "a b"})
    got = origins[0].seen[0]["headers"]
    assert [value for name, value in got if name == "x-forwarded-for"] == ["127.0.0.1"]
    [id] = [value for name, value in got if name == "x-request-id"]
    assert id != "a b"


def test_a_client_that_is_slow_with_its_head_is_cut(origins, tmp_path):
    with running(nginx(tmp_path, [origins[0].address])) as balancer:
        began = time.monotonic()
        exchange(balancer.port, b"GET /a HTTP/1.1\r\nHost: x\r\n", seconds=HEADER_SECONDS + 5)
        assert time.monotonic() - began < HEADER_SECONDS + 2
    assert not origins[0].seen


def test_a_faulty_file_leaves_the_old_workers_serving(origins, tmp_path):
    with running(nginx(tmp_path, [origins[0].address])) as balancer:
        balancer.config.write_text("http { nonsense; }\n")
        balancer.reload()
        until(lambda: "nonsense" in balancer.log.read_text(), 5, "no complaint", retried=OSError)
        assert httpx.get(balancer.url + "/a").status_code == 200
        assert balancer.process is not None
        balancer.process.send_signal(signal.SIGQUIT)
        assert balancer.process.wait(10) == 0
