"""A laboratory that is kept as large as its load needs, from the command line."""

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.plan import Plan
from gigaday.lab.raising import up
from gigaday.lab.roles import ready
from gigaday.lab.scale import scale
from gigaday.lab.servers.node import MAIN
from gigaday.lab.waiting import until
from tests.servers import missing
from tests.servers.swift import VENV

pytestmark = pytest.mark.live
CLIENTS, MOST = 16, 4
SLOWNESS = 0.3
"""How long a client takes to say what it wants: each request is long in flight, though no node be busy with it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two nodes and what they need; tests leave it so."""
    plan = Plan.small(nodes=2, proxies=False, swift=VENV)
    if lacking := plan.lacking():
        missing("; ".join(lacking))
    started = up(tmp_path_factory.mktemp("lab"), plan, lambda name, there: None)
    try:
        yield started
    finally:
        down(Lab.load(started.folder))


class Autoscaler:
    """A `gigaday lab autoscale` that runs, and what it has told."""

    def __init__(self, process: subprocess.Popen[bytes], told: Path) -> None:
        self._process, self._told = process, told

    def told(self) -> str:
        return self._told.read_text()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits for what it is to bring about."""

        def holds() -> object:
            assert self._process.poll() is None, self.told()
            return condition()

        until(holds, 40, f"after 40 s it has told: {self.told()}", retried=httpx.HTTPError)


@contextmanager
def autoscaler(lab: Lab, told: Path) -> Iterator[Autoscaler]:
    words = ["--min", "2", "--max", str(MOST), "--target", "3", "--every", "0.5s", "--window", "10s"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", MAIN, "lab", "autoscale", *words, "--dir", str(lab.folder)]
    with told.open("wb") as out, subprocess.Popen(command, env=environ, stderr=out) as process:
        try:
            yield Autoscaler(process, told)
        finally:
            process.terminate()


class Crowd:
    """So many clients, each of which asks anew once it is answered, in a thread of their own."""

    def __init__(self, lab: Lab, token: str, clients: int) -> None:
        self._clients, self._token = clients, token
        self._balancers = itertools.cycle(lab.facts["balancers"])
        self._enough = threading.Event()
        self.answered, self.failed = 0, list[str]()

    @contextmanager
    def asking(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._ask()))
        thread.start()
        try:
            yield
        finally:
            self._enough.set()
            thread.join()

    async def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(headers=headers, timeout=15) as http:
            await asyncio.gather(*(self._client(http, next(self._balancers)) for _ in range(self._clients)))

    async def _client(self, http: httpx.AsyncClient, url: str) -> None:
        while not self._enough.is_set():
            try:
                answer = await http.post(f"{url}/api/v1/products", content=_product())
                assert answer.status_code == 201, answer.text
                self.answered += 1
            except (httpx.HTTPError, AssertionError) as error:
                self.failed.append(repr(error))


async def _product() -> AsyncIterator[bytes]:
    yield b'{"name": '
    await asyncio.sleep(SLOWNESS)
    yield b'"Bar stool"}'


def unlimited_token(lab: Lab) -> str:
    headers = {"Authorization": f"Bearer {lab.facts['operator_token']}"}
    with httpx.Client(base_url=f"{lab.facts['balancer']}/api/v1/admin", headers=headers) as operator:
        operator.post("/tenants", json={"id": "crowd", "name": "Crowd", "plan": "unlimited"}).raise_for_status()
        return str(operator.post("/tenants/crowd/tokens", json={"name": "test"}).raise_for_status().json()["token"])


def nodes(lab: Lab) -> list[str]:
    return [member.name for member in Lab.load(lab.folder).of_kind("node")]


def answered(lab: Lab, name: str) -> float:
    """Requests that a node itself counts as answered well."""
    scraped = httpx.get(f"http://127.0.0.1:{Lab.load(lab.folder).member(name).port}/metrics")
    samples = (one for family in text_string_to_metric_families(scraped.text) for one in family.samples)
    return sum(one.value for one in samples if one.name == "gigaday_requests_total" and one.labels["status"] == "201")


def test_nodes_come_with_the_load_and_go_after_it_and_nobody_notices(lab: Lab, tmp_path: Path) -> None:
    token = unlimited_token(lab)
    crowd, others = Crowd(lab, token, CLIENTS), Crowd(lab, token, 2)
    with autoscaler(lab, tmp_path / "told.txt") as running, others.asking():
        with crowd.asking():
            running.until(lambda: len(nodes(lab)) == MOST and answered(lab, f"node-{MOST}") > 20)
        running.until(lambda: len(nodes(lab)) == 2)
    assert crowd.failed + others.failed == []
    assert min(crowd.answered, others.answered) > 20
    assert "in flight need" in running.told()
    assert "2 were enough for 10 s" in running.told()


def test_a_dead_node_is_made_up_for(lab: Lab, tmp_path: Path) -> None:
    lab.member("node-2").kill()
    try:
        with autoscaler(lab, tmp_path / "told.txt") as running:
            running.until(lambda: ready(Lab.load(lab.folder)).get("node-3"))
    finally:
        scale(Lab.load(lab.folder), 2)
        lab.member("node-2").start()
