"""The laboratory, from the command line: it comes up whole, shows what is hurt, and leaves nothing behind."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError
from gigaday.lab.plan import Plan
from gigaday.lab.process import family
from gigaday.lab.roles import snapshot
from gigaday.lab.servers import haproxy
from gigaday.lab.servers.node import MAIN
from gigaday.lab.waiting import taken, until
from tests.servers import missing
from tests.servers.swift import VENV

pytestmark = pytest.mark.live


class Folder:
    """Somebody with a laboratory in one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", MAIN, "lab", *words, "--dir", str(self.path)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), env=environ(), capture_output=True, text=True, timeout=100)

    def up(self, *words: str) -> subprocess.Popen[str]:
        """Begins to come up."""
        command = self.command("up", "--swift", str(VENV), *words)
        return subprocess.Popen(command, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def status(self) -> dict[str, dict[str, str]]:
        return {row["name"]: row for row in snapshot(self.load())}

    def drawn(self) -> str:
        """What `status` shows on a terminal."""
        command = ["script", "-qec", shlex.join(self.command("status")), "/dev/null"]
        plain = {**environ(), "TERM": "dumb", "COLUMNS": "120"}
        return subprocess.run(command, env=plain, capture_output=True, text=True, timeout=100).stdout

    def load(self) -> Lab:
        return Lab.load(self.path)


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    if lacking := Plan(swift=VENV).lacking():
        missing("; ".join(lacking))
    made = Folder(tmp_path / "lab")
    yield made
    with suppress(Exception):  # most tests have ended it themselves
        down(made.load(), grace=0)


def check_gone(lab: Lab) -> None:
    """Nothing of it runs, and nothing of it listens."""
    assert not [member.name for member in lab.members.values() if family(member.identity)]
    assert not [port for member in lab.members.values() for port in member.ports.values() if taken(port)]


@pytest.mark.timeout(240)  # alone it takes a tenth of that
def test_it_comes_up_shows_what_is_hurt_grows_and_ends(folder: Folder) -> None:
    coming = folder.up()
    printed, _ = coming.communicate(timeout=100)
    assert coming.returncode == 0, printed
    lab = folder.load()

    # What it prints works as it stands.
    [curl] = re.findall(r"curl -s .*", printed)
    answer = subprocess.run(curl, shell=True, capture_output=True, text=True)
    assert len(json.loads(answer.stdout)["data"]) == 3, answer

    # Through the edge, too; a write through one balancer is read through the other.
    headers = {"Authorization": f"Bearer {lab.facts['demo_token']}"}
    first, second = lab.facts["balancers"]
    made = httpx.post(f"{first}/api/v1/products", headers=headers, json={"name": "Stool", "status": "active"})
    assert made.status_code == 201, made.text
    for url in (second, lab.facts["cdn"]):
        assert httpx.get(f"{url}/api/v1/products/{made.json()['_id']}", headers=headers).json()["name"] == "Stool"

    # What the tenant publishes is kept at the edge, which hears of writes.
    httpx.patch(f"{first}/api/v1/tenant", headers=headers, json={"settings": {"publish": True}}).raise_for_status()
    product, published = made.json(), f"{lab.facts['cdn']}/api/v1/public/{made.json()['createdBy']}/products"
    path = f"{published}/{product['_id']}"
    until(lambda: httpx.get(path).headers.get("x-edge-cache") == "HIT", 10, "not kept", retried=httpx.HTTPError)
    changed = httpx.patch(f"{second}/api/v1/products/{product['_id']}", headers=headers, json={"name": "Bar stool"})
    assert changed.status_code == 200, changed.text
    until(lambda: httpx.get(path).json().get("name") == "Bar stool", 5, "not seen", retried=httpx.HTTPError)

    told = folder.run("status")
    rows = {row["name"]: row for row in json.loads(told.stdout)}
    assert {row["state"] for row in rows.values()} == {"up"}
    assert [rows[f"node-{number}"]["role"] for number in (1, 2, 3)] == ["ready"] * 3
    kinds = [row["role"] for row in rows.values() if row["kind"] == "mongo"]
    assert sorted(kinds) == ["ARBITER", "PRIMARY", *["SECONDARY"] * 3]
    assert sorted(row["role"] for row in rows.values() if row["kind"] == "redis") == ["primary"] * 3 + ["replica"] * 3

    again = folder.run("up", "--swift", str(VENV))
    assert again.returncode == 1 and "gigaday lab down" in again.stderr
    assert {row["state"] for row in folder.status().values()} == {"up"}

    lab.member("redis-1").kill()
    lab.member("mongo-2").freeze()
    os.kill(lab.member("node-3").pid, signal.SIGKILL)  # not by the laboratory's own means
    hurt = {name: row["state"] for name, row in folder.status().items() if row["state"] != "up"}
    assert hurt == {"redis-1": "dead", "mongo-2": "frozen", "node-3": "dead"}
    drawn = folder.drawn()
    assert "✖ redis-1" in drawn and "❄ mongo-2" in drawn and "22 up, 1 frozen, 2 dead" in drawn
    lab.member("redis-1").start()
    lab.member("mongo-2").thaw()
    lab.member("node-3").start()
    assert {row["state"] for row in folder.status().values()} == {"up"}

    grown = folder.run("scale", "4")
    assert grown.returncode == 0, grown.stderr
    assert folder.status()["node-4"]["role"] == "ready"
    balancers = [lab.member("balancer-1"), lab.member("balancer-2")]
    for balancer in balancers:
        haproxy.dismiss(balancer, 4)  # as somebody does who is ended while draining it
    assert folder.run("scale", "4").returncode == 0
    until(lambda: all(4 in haproxy.figures(one).nodes for one in balancers), 10, "node-4 is left out", retried=LabError)

    growing = subprocess.Popen(folder.command("scale", "5"), env=environ(), stderr=subprocess.DEVNULL)
    until(lambda: folder.load().member("node-5").state() == "up", 20, "node-5 does not start", retried=LabError)
    growing.send_signal(signal.SIGINT)
    assert growing.wait(timeout=30) != 0
    assert "node-5" not in folder.status(), "half added"

    with httpx.Client(headers=headers) as client:
        shrinking = subprocess.Popen(folder.command("scale", "3"), env=environ(), stderr=subprocess.DEVNULL)
        statuses = []
        while shrinking.poll() is None:
            statuses.append(client.get(f"{first}/api/v1/products?limit=1").status_code)
            time.sleep(0.005)  # a pace, so that the plan's own limit is not what it meets
    assert set(statuses) == {200}
    assert shrinking.returncode == 0 and "node-4" not in folder.status()

    lab = folder.load()
    ended = folder.run("down")
    assert ended.returncode == 0, ended.stderr
    check_gone(lab)
    assert not list(folder.path.glob("*/")), "files are left"
    assert folder.run("down").returncode == 1


def test_what_a_killed_command_has_started_can_be_ended(folder: Folder) -> None:
    coming = folder.up("--small")
    until(lambda: len(folder.load().alive()) >= 8, 60, "nothing has come up", retried=Exception)
    coming.kill()
    coming.wait()
    lab = folder.load()
    assert lab.alive()
    done = folder.run("down")
    assert done.returncode == 0, done.stderr
    check_gone(lab)


def test_what_an_interrupted_command_has_started_is_ended_by_it(folder: Folder) -> None:
    coming = folder.up("--small")
    until(lambda: len(folder.load().alive()) >= 8, 60, "nothing has come up", retried=Exception)
    lab = folder.load()
    coming.terminate()
    coming.communicate(timeout=60)
    assert coming.returncode != 0
    check_gone(lab)
    assert not (folder.path / "state.json").exists()


def test_what_lacks_is_named_before_anything_starts(folder: Folder, tmp_path: Path) -> None:
    done = folder.run("up", "--swift", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert f"no Swift in {tmp_path}/nowhere" in done.stderr and "make dev" in done.stderr
    assert not (folder.path / "state.json").exists()


@pytest.mark.parametrize(("name", "words"), [("a lab", ()), ("x" * 80, ()), ("lab", ("--nodes", "0"))])
def test_what_could_not_come_up_is_refused_before_anything_starts(
    folder: Folder, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    done = Folder(tmp_path / name).run("up", "--swift", str(VENV), *words)
    assert done.returncode == 1
    assert re.search(r"choose one of at most \d+ letters|has one node at least", done.stderr), done.stderr
    assert not (tmp_path / name).exists()
