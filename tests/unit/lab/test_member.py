"""One process of a laboratory."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaday.lab.member import LabError, Member, python
from gigaday.lab.process import Identity, family
from gigaday.lab.waiting import ServerMissing, until

SLEEPS = "import os, time; print(os.environ['HOME'], os.environ['OWN'], flush=True); time.sleep(60)"


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    made = Member("node-1", "node", python("-c", SLEEPS), tmp_path / "node-1", {"port": 1}, {"OWN": "set"})
    yield made
    made.kill()


def test_it_gets_its_own_environment_and_nothing_of_the_callers(member: Member) -> None:
    member.start()
    until(lambda: member.told() == f"{member.folder} set\n", 10, "it wrote no log", retried=OSError)


def test_it_is_started_once_and_again_after_its_death(member: Member) -> None:
    member.start()
    first = member.identity
    with pytest.raises(LabError, match="runs already"):
        member.start()
    member.freeze()
    until(lambda: member.state() == "frozen", 5, "it is not frozen", retried=OSError)
    member.thaw()
    member.kill()
    assert member.state() == "dead"
    member.start()
    assert member.state() == "up" and member.identity != first


def test_what_it_forked_does_not_outlive_its_next_start(member: Member) -> None:
    member.command = python("-c", "import os, time; os.fork(); print('there', flush=True); time.sleep(60)")
    member.start()
    until(lambda: member.told().count("there") == 2, 10, "it did not fork", retried=OSError)
    before = member.identity
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: member.state() == "dead", 5, "it lives", retried=OSError)
    member.start()
    assert family(before) == []


def test_what_is_dead_cannot_be_frozen(member: Member) -> None:
    with pytest.raises(LabError, match="node-1 is dead"):
        member.freeze()


def test_one_that_ends_by_itself_is_told_with_its_log(tmp_path: Path) -> None:
    failing = Member("redis-1", "redis", python("-c", "raise SystemExit('port is taken')"), tmp_path, {"port": 1})
    failing.start()
    until(lambda: failing.state() == "dead", 10, "it lives", retried=OSError)
    with pytest.raises(ServerMissing, match="port is taken"):
        failing.check()


def test_it_is_remembered_while_it_starts_and_after(member: Member) -> None:
    kept = []
    member.saved = lambda: kept.append(member.as_dict())
    member.start()
    assert [each["pid"] for each in kept] == [0, member.pid]
    assert Member.from_dict(kept[-1]).state() == "up"


def test_one_whose_starter_died_before_it_could_say_so_is_known_by_its_own_record(member: Member) -> None:
    kept = []
    member.saved = lambda: kept.append(member.as_dict())
    member.start()
    until(lambda: "set" in member.told(), 10, "it wrote no log", retried=OSError)
    assert Member.from_dict(kept[0]).identity == member.identity


def test_others_reach_it_where_it_is_announced(member: Member) -> None:
    assert member.announced == 1
    member.ports["announced"] = 2
    assert member.announced == 2
    assert member.identity == Identity(0, 0)


def test_what_was_started_before_the_machine_was_is_dead_whoever_has_its_ids_now(member: Member) -> None:
    member.start()
    kept = member.as_dict()
    assert Member.from_dict(kept).state() == "up"
    assert Member.from_dict({**kept, "boot": "another"}).state() == "dead"
    assert Member.from_dict({**kept, "boot": "another", "pid": 0, "started": 0}).state() == "dead"
