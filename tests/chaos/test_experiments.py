"""A short choice of the experiments, on a small laboratory; `gigaday chaos run all` is the whole."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gigaday.lab.chaos import catalogue, runner, steady
from gigaday.lab.chaos.experiment import Outcome
from gigaday.lab.healing import heal
from gigaday.lab.laboratory import Lab
from tests.servers.node import MAIN

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

SECONDS = 5.0


async def outcome(lab: Lab, name: str) -> Outcome:
    [experiment] = catalogue.named(name)
    return await runner.run(experiment, lab, 1, SECONDS, lambda what, seconds: None)


_TIMES = ("p99", "p100", "out of the balancer within")


def failed(found: Outcome) -> list[str]:
    """What was not as expected, times apart: a machine that runs other tests too cannot tell them."""
    missed = (finding for finding in found.findings if not finding.holds)
    return [f"{finding.expected}: {finding.seen}" for finding in missed if not finding.expected.startswith(_TIMES)]


@pytest.mark.parametrize("name", ["redis-all-lost"])
async def test_as_expected(lab, name):
    found = await outcome(lab, name)
    assert failed(found) == [], found.run.notes
    assert found.verdict.acknowledged > 20
    assert steady.fault(Lab.load(lab.folder)) == ""


def test_a_soak_heals_each_fault_before_the_next(lab, tmp_path):
    command = [sys.executable, "-c", MAIN, "chaos", "soak", "--minutes", "0.1", "--dir", str(lab.folder)]
    done = subprocess.run([*command, "--report", str(tmp_path), "--json"], capture_output=True, text=True, timeout=200)
    rows = json.loads(done.stdout)
    assert rows and all(row["reads"] > 0 for row in rows), done.stderr
    kept = json.loads((tmp_path / "soak-1.json").read_text())
    assert done.returncode == (0 if kept["passed"] else 1)
    assert kept["verdict"]["acknowledged"] > 20
    assert (kept["verdict"]["lost"], kept["verdict"]["doubled"], kept["verdict"]["stale"]) == ([], [], [])
    assert steady.fault(Lab.load(lab.folder)) == ""


def test_an_interrupted_experiment_leaves_nothing_broken(lab, tmp_path):
    command = [sys.executable, "-c", MAIN, "chaos", "run", "node-freeze", "--seconds", "6", "--dir", str(lab.folder)]
    process = subprocess.Popen([*command, "--report", str(tmp_path)], stderr=subprocess.DEVNULL)
    until(lambda: any(member.state() == "frozen" for member in Lab.load(lab.folder).members.values()), 100)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    until(lambda: steady.fault(Lab.load(lab.folder)) == "", 30)


def test_what_was_left_broken_is_healed(lab):
    lab = Lab.load(lab.folder)
    lab.of_kind("node")[1].kill()
    lab.of_kind("balancer")[0].freeze()
    done = heal(lab)
    assert len(done) == 2
    until(lambda: steady.fault(Lab.load(lab.folder)) == "", 30)
    assert heal(lab) == []


def test_the_command_writes_a_report_and_fails_where_an_expectation_does(lab, tmp_path):
    command = [
        sys.executable,
        "-c",
        MAIN,
        "chaos",
        "run",
        "mongo-lost-reply",
        "--seconds",
        "4",
        "--dir",
        str(lab.folder),
    ]
    done = subprocess.run([*command, "--report", str(tmp_path), "--json"], capture_output=True, text=True, timeout=200)
    [line] = json.loads(done.stdout)
    assert done.returncode == (0 if line["passed"] else 1)
    assert line["acknowledged"] > 20 and (line["lost"], line["doubled"]) == (0, 0)
    assert "mongo-lost-reply-1.html" in (tmp_path / "index.html").read_text()
    assert Path(tmp_path / "mongo-lost-reply-1.html").read_text().count("<svg") == 2


def until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_faults_of_the_network_are_made_by_hand_and_healed(lab):
    def cli(*arguments: str) -> str:
        command = [sys.executable, "-c", MAIN, "lab", "fault", *arguments, "--dir", str(lab.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def toxics() -> dict[str, list[str]]:
        return {proxy["name"]: proxy["toxics"] for proxy in json.loads(cli("list")) if proxy["toxics"]}

    cli("add", "redis-1", "latency", "latency=5")
    cli("add", "mongo-1", "latency", "latency=5", "--spare-members", "--stream", "upstream")
    assert toxics() == {"redis-1": ["latency_downstream"], "mongo-1": ["latency_upstream"]}
    cli("remove", "redis-1", "latency_downstream")
    assert set(toxics()) == {"mongo-1"}
    cli("signal", "freeze", "node-1")
    assert Lab.load(lab.folder).member("node-1").state() == "frozen"
    cli("heal")
    assert not toxics()
    until(lambda: steady.fault(Lab.load(lab.folder)) == "", 30)
