"""What a laboratory's folder remembers."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member, python


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "lab")
    yield made
    for member in made.members.values():
        member.kill()


def sleeper(lab: Lab, name: str) -> Member:
    return lab.add(Member(name, "node", python("-c", "import time; time.sleep(60)"), lab.folder / name, {"port": 1}))


def test_another_command_finds_what_one_has_started(lab: Lab) -> None:
    sleeper(lab, "node-1").start()
    lab.learn(balancer="http://127.0.0.1:1")
    found = Lab.load(lab.folder)
    assert found.member("node-1").state() == "up"
    assert found.facts == {"balancer": "http://127.0.0.1:1"}
    assert [member.name for member in found.alive()] == ["node-1"]


def test_two_commands_at_once_keep_each_others_changes(lab: Lab) -> None:
    sleeper(lab, "node-1").start()
    sleeper(lab, "node-2").start()
    other = Lab.load(lab.folder)
    lab.member("node-1").kill()
    lab.member("node-1").start()
    other.member("node-2").kill()
    other.member("node-2").start()
    found = Lab.load(lab.folder)
    other.member("node-2").kill()
    assert found.member("node-1").identity == lab.member("node-1").identity
    assert found.member("node-2").identity == other.member("node-2").identity


def test_what_it_keeps_is_for_its_owner_alone(lab: Lab) -> None:
    lab.learn(token="secret")
    assert stat.S_IMODE((lab.folder / "state.json").stat().st_mode) == 0o600


def test_a_member_that_runs_is_not_forgotten(lab: Lab) -> None:
    member = sleeper(lab, "node-1")
    member.start()
    with pytest.raises(LabError, match="runs"):
        lab.remove("node-1")
    member.kill()
    lab.remove("node-1")
    assert Lab.load(lab.folder).members == {}


def test_only_one_command_makes_it_larger_or_smaller_at_a_time(lab: Lab) -> None:
    with lab.exclusive(), pytest.raises(LabError, match="another command"), Lab(lab.folder).exclusive():
        pass
    with Lab(lab.folder).exclusive():
        pass


def test_a_name_that_is_not_there_brings_the_nearest(lab: Lab) -> None:
    sleeper(lab, "node-1")
    with pytest.raises(LabError, match="did you mean node-1"):
        lab.member("node1")
    with pytest.raises(LabError, match="there are: node-1"):
        lab.member("x")


def test_without_one_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="gigaday lab up"):
        Lab.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"version": 1}', '{"version": 1, "facts": {}, "members": [{"name": 1}]}']
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LabError, match=r"state\.json is damaged.*\.pid files"):
        Lab.load(tmp_path)


def test_another_versions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(LabError, match="another version"):
        Lab.load(tmp_path)
