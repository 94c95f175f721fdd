"""Processes by id and start time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaday.lab import process
from gigaday.lab.process import Identity
from gigaday.lab.waiting import until

FORKS = "import os, time; os.fork(); print('there', flush=True); time.sleep(60)"


class Spawned:
    def __init__(self, folder: Path) -> None:
        self.log, self.record, self._folder = folder / "log", folder / "record", folder
        self.identity = Identity(0, 0)

    def run(self, code: str, **environ: str) -> Identity:
        command = [sys.executable, "-c", code]
        self.identity = process.spawn(command, environ, self._folder, self.log, self.record)
        return self.identity

    def wait_log(self, text: str, times: int = 1) -> None:
        until(lambda: self.log.read_text().count(text) == times, 10, f"no {text} in the log", retried=OSError)


@pytest.fixture
def spawned(tmp_path: Path) -> Iterator[Spawned]:
    made = Spawned(tmp_path)
    yield made
    process.kill(made.identity)


def test_it_runs_in_its_folder_with_its_own_environment_alone(spawned: Spawned, tmp_path: Path) -> None:
    spawned.run("import os; print(os.getcwd(), os.environ.get('GIVEN'), 'HOME' in os.environ, flush=True)", GIVEN="x")
    spawned.wait_log(f"{tmp_path} x False")


def test_it_says_itself_who_it_is(spawned: Spawned) -> None:
    identity = spawned.run(FORKS)
    spawned.wait_log("there", 2)
    assert process.recorded(spawned.record) == identity
    assert process.state(identity) == "up"


def test_it_is_frozen_thawed_and_killed_with_all_that_it_forked(spawned: Spawned) -> None:
    identity = spawned.run(FORKS)
    spawned.wait_log("there", 2)
    assert len(process.family(identity)) == 2
    process.send(identity, signal.SIGSTOP)
    until(lambda: process.state(identity) == "frozen", 5, "it is not frozen", retried=OSError)
    process.send(identity, signal.SIGCONT)
    until(lambda: process.state(identity) == "up", 5, "it is not thawed", retried=OSError)
    process.kill(identity)
    assert process.family(identity) == []
    assert process.state(identity) == "dead"


def test_what_it_forked_is_found_after_its_own_death(spawned: Spawned) -> None:
    identity = spawned.run(FORKS)
    spawned.wait_log("there", 2)
    os.kill(identity.pid, signal.SIGKILL)
    until(lambda: process.state(identity) == "dead", 5, "it lives", retried=OSError)
    assert len(process.family(identity)) == 1
    process.kill(identity)
    assert process.family(identity) == []


def test_a_process_that_has_got_its_id_later_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as other:
        earlier = Identity(other.pid, 1)
        assert process.state(earlier) == "dead"
        assert process.family(earlier) == []
        process.kill(earlier)
        assert process.terminate(earlier, 1) is None
        assert other.poll() is None
        other.kill()


def test_it_is_asked_to_end_and_its_exit_code_told(spawned: Spawned) -> None:
    ends = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(3))"
    identity = spawned.run(f"{ends}; print('there', flush=True); time.sleep(60)")
    spawned.wait_log("there")
    assert process.terminate(identity, 10) == 3


def test_one_that_will_not_end_is_made_to(spawned: Spawned) -> None:
    identity = spawned.run("import signal, time; signal.signal(15, 1); print('there', flush=True); time.sleep(60)")
    spawned.wait_log("there")
    assert process.terminate(identity, 0.2) is None
    assert process.state(identity) == "dead"


def test_nothing_is_read_from_a_record_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("1 (sh) S")
    assert process.recorded(tmp_path / "record") is None
    assert process.recorded(tmp_path / "missing") is None
