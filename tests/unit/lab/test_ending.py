"""The end of a laboratory: everything that it named, and nothing else."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import Member, python
from gigaday.lab.process import family
from gigaday.lab.waiting import free_ports, until

LISTENS = """
import os, socket, sys, time
line = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.fork()
print("there", flush=True)
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN)\n" + LISTENS


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "lab")
    yield made
    for member in made.members.values():
        member.kill()


def started(lab: Lab, name: str, code: str = LISTENS) -> Member:
    [port] = free_ports(1)
    member = lab.add(Member(name, "node", python("-c", code, str(port)), lab.folder / name, {"port": port}))
    member.start()
    until(lambda: member.told().count("there") == 2, 10, "it wrote no log", retried=OSError)
    return member


def test_every_process_ends_and_so_do_its_children_whatever_state_it_is_in(lab: Lab) -> None:
    members = [started(lab, name) for name in ("up", "frozen", "leaderless")] + [started(lab, "stubborn", STUBBORN)]
    members[1].freeze()
    os.kill(members[2].pid, signal.SIGKILL)
    assert down(Lab.load(lab.folder), grace=0.5) == 7
    assert not any(family(member.identity) for member in members)


def test_nobody_waits_for_those_who_end_at_once_frozen_or_not(lab: Lab) -> None:
    started(lab, "up")
    started(lab, "frozen").freeze()
    began = time.monotonic()
    down(Lab.load(lab.folder), grace=60)
    assert time.monotonic() - began < 30


def test_its_files_go_and_others_stay(lab: Lab) -> None:
    started(lab, "node-1")
    (lab.folder / "mine.txt").write_text("kept")
    down(Lab.load(lab.folder), grace=0)
    assert not (lab.folder / "node-1").exists()
    assert (lab.folder / "mine.txt").read_text() == "kept"
    assert not lab.exists


def test_logs_are_kept_where_that_is_wanted(lab: Lab) -> None:
    member = started(lab, "node-1")
    down(Lab.load(lab.folder), keep=True, grace=0)
    assert "there" in member.log.read_text()


def test_a_port_that_somebody_has_got_since_is_none_of_its_business(lab: Lab) -> None:
    member = started(lab, "node-1")
    member.kill()
    with socket.create_server(("127.0.0.1", member.port)):
        assert down(Lab.load(lab.folder), grace=0) == 0


def test_a_process_that_has_got_an_id_since_is_left_alone(lab: Lab) -> None:
    member = started(lab, "node-1")
    member.kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as other:
        member.record.write_text(f"{other.pid} (sh) R 1 {other.pid} {other.pid} " + "0 " * 15 + "1 0\n")
        assert down(Lab.load(lab.folder), grace=0) == 0
        assert other.poll() is None
        other.kill()
