"""HAProxy, as `gigaday balancer haproxy` configures it, in front of real nodes and of faulty ones."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    started: list[Node] = []
    try:
        for number in range(3):
            environ = {"GIGADAY_DATA_DIR": str(tmp_path / f"data{number}")}
            started.append(Node(environ, tmp_path / f"node{number}.log").start())
        yield started
    finally:
        for node in started:
            node.kill()


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    three = [Origin(f"origin{number}") for number in range(1, 4)]
    with serving(*three):
        yield three


def haproxy(folder: Path, addresses: list[str], **more: object) -> Running:
    asked = Balancer(nodes=tuple(addresses), admin_socket=folder / "admin.sock", **more)
    return Running("haproxy", asked, folder)


def over(balancer: Running, seconds: float, path: str = "/livez") -> Counter[object]:
    """The statuses, and names of exceptions, that eight clients see."""

    def ask(_: int) -> Counter[object]:
        seen: Counter[object] = Counter()
        until = time.monotonic() + seconds
        with httpx.Client(base_url=balancer.url, timeout=20) as client:
            while time.monotonic() < until:
                try:
                    seen[client.get(path).status_code] += 1
                except httpx.HTTPError as error:
                    seen[type(error).__name__] += 1
        return seen

    with ThreadPoolExecutor(8) as clients:
        return sum(clients.map(ask, range(8)), Counter[object]())


def test_no_get_is_lost_when_one_of_three_nodes_is_killed(nodes, tmp_path):
    with running(haproxy(tmp_path, [f"127.0.0.1:{node.port}" for node in nodes])) as balancer:
        with ThreadPoolExecutor(1) as load:
            seen = load.submit(over, balancer.settled(), 4)
            until(lambda: not seen.done() and balancer.status("node1") == "UP", 5, "no load", retried=OSError)
            nodes[0].kill()
            killed = time.monotonic()
            until(lambda: balancer.status("node1").startswith("DOWN"), 5, "still in use", retried=OSError)
            assert time.monotonic() - killed < 1
        counted = seen.result()
    assert set(counted) == {200}, counted
    assert counted[200] > 200


def test_a_frozen_node_is_out_within_two_seconds_and_its_gets_are_answered_by_others(nodes, tmp_path):
    with running(haproxy(tmp_path, [f"127.0.0.1:{node.port}" for node in nodes])) as balancer:
        with ThreadPoolExecutor(1) as load:
            seen = load.submit(over, balancer.settled(), 5)
            nodes[0].freeze()
            frozen = time.monotonic()
            until(lambda: balancer.status("node1").startswith("DOWN"), 5, "still in use", retried=OSError)
            assert time.monotonic() - frozen < 2
            counted = seen.result()
            assert time.monotonic() - frozen < 8, "what waited for it has waited for its deadline"
        nodes[0].thaw()
        until(lambda: balancer.status("node1").startswith("UP"), 10, "not back", retried=OSError)
    assert set(counted) == {200}, counted


def test_requests_are_spread(origins, tmp_path):
    with (
        running(haproxy(tmp_path, [origin.address for origin in origins])) as balancer,
        ThreadPoolExecutor(8) as clients,
        httpx.Client(base_url=balancer.url) as client,
    ):
        assert set(clients.map(lambda _: client.get("/a").status_code, range(2000))) == {200}
    counts = [len(origin.seen) for origin in origins]
    assert sum(counts) == 2000
    assert min(counts) > 400, counts


def test_a_node_that_fails_fast_is_ejected_and_one_that_sheds_is_not(origins, tmp_path):
    failing, shedding, _ = origins
    failing.answer = lambda method, path: 500
    shedding.answer = lambda method, path: 503
    with (
        running(haproxy(tmp_path, [origin.address for origin in origins], eject_seconds=2)) as balancer,
        httpx.Client(base_url=balancer.url) as client,
    ):
        for _ in range(90):
            client.get("/a")
        assert balancer.status("node1") == "DRAIN"
        assert balancer.status("node2").startswith("UP")
        assert len(failing.seen) == 10
        assert len(shedding.seen) > 30
        until(lambda: balancer.status("node1") == "UP", 5, "not tried again", retried=OSError)


def test_nodes_that_all_fail_are_all_kept_but_one(origins, tmp_path):
    for origin in origins:
        origin.answer = lambda method, path: 500
    with (
        running(haproxy(tmp_path, [origin.address for origin in origins])) as balancer,
        httpx.Client(base_url=balancer.url) as client,
    ):
        statuses = {client.get("/a").status_code for _ in range(200)}
        up = [balancer.status(f"node{n}").startswith("UP") for n in (1, 2, 3)]
    assert statuses == {500}
    assert sum(up) >= 2


def test_a_write_that_may_have_been_done_is_never_sent_again_but_a_read_is(origins, tmp_path):
    for origin in origins:
        origin.answer = lambda method, path: 0
    with running(haproxy(tmp_path, [origin.address for origin in origins])) as balancer:
        # In one piece: it could be sent again, as HAProxy has all of it.
        answer = exchange(balancer.port, b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert (answer[9:12], sum(len(origin.seen) for origin in origins)) == (b"502", 1)
        httpx.get(balancer.url + "/a")
        assert sum(len(origin.seen) for origin in origins) > 2


def test_a_write_to_a_node_that_is_gone_goes_to_another(origins, tmp_path):
    gone = "127.0.0.1:9"
    with running(haproxy(tmp_path, [gone, origins[0].address])) as balancer:
        statuses = [httpx.post(balancer.url + "/a", content=b"x").status_code for _ in range(6)]
    assert statuses == [200] * 6


def test_errors_of_the_balancer_are_problems_with_an_id_and_when_to_come_back(tmp_path):
    with running(haproxy(tmp_path, ["127.0.0.1:9"])) as balancer:
        answer = httpx.get(balancer.url + "/a", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("mine", "mine")
    assert (answer.headers["retry-after"], answer.headers["server"]) == ("1", "gigaday")


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics?a=1"])
def test_figures_of_the_nodes_are_not_for_the_public(origins, tmp_path, path):
    with running(haproxy(tmp_path, [origins[0].address])) as balancer:
        answer = httpx.get(balancer.url + path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert origins[0].seen == []


def test_a_node_learns_the_real_address_and_a_clean_request_id(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address])) as balancer:
        httpx.get(
            balancer.url + "/a",
            headers={"X-Forwarded-For": "9.9.9.9", "Forwarded": "for=9.9.9.9", "X-Request-Id": "a b"},
        )
    got = origins[0].seen[0]["headers"]
    assert [value for name, value in got if name == "x-forwarded-for"] == ["127.0.0.1"]
    assert not [value for name, value in got if name == "forwarded"]
    [id] = [value for name, value in got if name == "x-request-id"]
    assert id != "a b"


def test_what_a_proxy_in_front_says_is_passed_on(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address], behind=("127.0.0.0/8",))) as balancer:
        httpx.get(balancer.url + "/a", headers={"X-Forwarded-For": "192.0.2.7"})
    forwarded = [value for name, value in origins[0].seen[0]["headers"] if name == "x-forwarded-for"]
    assert forwarded == ["192.0.2.7", "127.0.0.1"]


def test_a_client_that_is_slow_with_its_head_is_cut(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address])) as balancer:
        began = time.monotonic()
        exchange(balancer.port, b"GET /a HTTP/1.1\r\nHost: x\r\n", seconds=HEADER_SECONDS + 5)
        assert time.monotonic() - began < HEADER_SECONDS + 2
    assert not origins[0].seen


def test_more_than_the_nodes_take_is_refused_at_once(origins, tmp_path):
    slow = origins[0]
    at_once: list[int] = []
    working = threading.Semaphore(100)

    def answer(method: str, path: str) -> int:
        with working:
            at_once.append(100 - working._value)
            time.sleep(1)
        return 200

    slow.answer = answer
    with running(haproxy(tmp_path, [slow.address], limits=Limits(max_in_flight=10))) as balancer:

        def ask(_: int) -> tuple[int, str | None, float]:
            began = time.monotonic()
            answer = httpx.get(balancer.url + "/a", timeout=20)
            return answer.status_code, answer.headers.get("retry-after"), time.monotonic() - began

        with ThreadPoolExecutor(40) as clients:
            answers = list(clients.map(ask, range(40)))
    refused = [answer for answer in answers if answer[0] == 503]
    assert [answer[0] for answer in answers].count(200) >= 7
    assert len(refused) >= 10
    assert {answer[1] for answer in refused} == {"1"}
    assert max(at_once) <= 7


def test_a_faulty_file_leaves_the_old_workers_serving(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address])) as balancer:
        balancer.config.write_text("frontend broken\n    bind nonsense\n")
        balancer.reload()
        until(lambda: "ALERT" in balancer.log.read_text(), 5, "no complaint", retried=OSError)
        assert httpx.get(balancer.url + "/a").status_code == 200


def test_a_node_joins_and_leaves_while_it_runs(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address], slots=1)) as balancer:
        host, port = origins[1].address.split(":")
        assert balancer.status("node2").startswith("MAINT")
        balancer.runtime(f"set server nodes/node2 addr {host} port {port}; set server nodes/node2 state ready")
        until(lambda: httpx.get(balancer.url + "/a").json()["by"] == "origin2", 15, "not used", retried=OSError)
        balancer.runtime("set server nodes/node2 state maint")
        assert {httpx.get(balancer.url + "/a").json()["by"] for _ in range(10)} == {"origin1"}


def test_a_node_that_joined_is_asked_too_when_none_is_thought_well(origins, tmp_path):
    with running(haproxy(tmp_path, [origins[0].address], slots=1)) as balancer:
        host, port = origins[1].address.split(":")
        balancer.runtime(f"set server nodes/node2 addr {host} port {port}; set server nodes/node2 state ready")
        balancer.runtime("set server nodes/node1 state maint; disable health nodes/node2")
        balancer.runtime("set server nodes/node2 health down")

        def answered() -> bool:
            assert balancer.status("node2").startswith("DOWN")
            return httpx.get(balancer.url + "/a").json().get("by") == "origin2"

        until(answered, 5, "not asked", retried=OSError)


def test_tls_and_http2_where_there_is_a_certificate(origins, tmp_path):
    pem = tmp_path / "pem"
    key, crt = tmp_path / "key", tmp_path / "crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-keyout", key, "-out", crt], check=True, capture_output=True)
    pem.write_text(key.read_text() + crt.read_text())
    with running(haproxy(tmp_path, [origins[0].address], certificate=pem)) as balancer:
        url = f"https://127.0.0.1:{balancer.port}/a"
        done = subprocess.run(
            ["curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout == "2 200"
    assert ("x-forwarded-proto", "https") in origins[0].seen[0]["headers"]


def test_its_figures_are_there_for_prometheus(origins, tmp_path):
    asked = haproxy(tmp_path, [origins[0].address])
    metrics = f"127.0.0.1:{asked.port}".replace(str(asked.port), str(_another(asked.port)))
    asked.asked = replace(asked.asked, metrics=metrics)
    with running(asked):
        assert 'haproxy_server_status{proxy="nodes"' in httpx.get(f"http://{metrics}/metrics").text


def _another(port: int) -> int:
    from tests.servers import free_ports

    return next(free for free in free_ports(2) if free != port)
