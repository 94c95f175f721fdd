"""What nodes tell of themselves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gigaday.lab.chaos import watch
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import Member
from tests.servers import free_ports


@contextmanager
def telling(body: str) -> Iterator[int]:
    """A server that answers everything so; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def lab(folder: Path, *ports: int) -> Lab:
    made = Lab(folder)
    for number, port in enumerate(ports, 1):
        made.add(Member(f"node-{number}", "node", [], folder, {"port": port}))
    return made


@pytest.mark.parametrize(
    ("database", "cache", "told"),
    [
        ({"status": "up", "breakers": {"reads": "closed"}}, {"status": "degraded"}, []),
        ({"status": "up", "breakers": {"reads": "closed", "writes": "open"}}, {"status": "up"}, ["database"]),
        ({"status": "up"}, {"status": "down"}, ["cache"]),
    ],
)
def test_what_nodes_lack_is_told(tmp_path, database, cache, told):
    with telling(json.dumps({"components": {"database": database, "cache": cache}})) as port:
        assert watch.lacking(lab(tmp_path, port)) == told


def test_a_node_that_does_not_tell_lacks_itself(tmp_path):
    assert watch.lacking(lab(tmp_path, *free_ports(1))) == ["node-1"]


def test_counters_are_read_of_the_nodes_that_answer(tmp_path):
    with telling('# HELP a\na_total{event="loads"} 3.0\na_seconds 4.0\n') as port:
        seen = watch.counts(lab(tmp_path, port, *free_ports(1)))
    assert list(seen.values()) == [{'a_total{event="loads"}': 3.0}]


def test_growth_is_summed_over_nodes():
    before = {("node-1", 1): {"a_total": 5.0}, ("node-2", 2): {"a_total": 7.0}}
    after = {("node-1", 1): {"a_total": 6.0}, ("node-2", 2): {"a_total": 9.0, "b_total": 1.0}}
    assert watch.growth(before, after) == {"a_total": 3.0, "b_total": 1.0}


def test_a_node_that_was_started_meanwhile_began_at_nothing():
    before, after = {("node-1", 1): {"a_total": 500.0}}, {("node-1", 9): {"a_total": 3.0}}
    assert watch.growth(before, after) == {"a_total": 3.0}
