import os

import pytest

from gigaday.errors import BadRequest
from gigaday.model.mode import FLEET, Setting
from gigaday.ops.mode_file import ModeFile


@pytest.fixture
def file(tmp_path):
    return ModeFile(tmp_path / "new" / "modes.json")


def test_nothing_is_set_where_there_is_no_file(file):
    assert file.read() == []


def test_one_setting_a_scope_is_kept_until_it_is_cleared(file):
    file.put(Setting(FLEET, "shed"))
    file.put(Setting("tenant:acme", "read_only"))
    file.put(Setting(FLEET, "read_only"))
    assert {known.scope: known.level for known in file.read()} == {FLEET: "read_only", "tenant:acme": "read_only"}
    file.clear(FLEET)
    assert [known.scope for known in file.read()] == ["tenant:acme"]


def test_a_file_that_is_wrong_is_said_to_be(tmp_path):
    path = tmp_path / "modes.json"
    for content in (
        b"{", b'[{"scope": "fleet", "level": "panic"}]', b'[{"scope": "\xff"}]',
        b'[{"scope": "fleet", "until": "soon"}]',
        b"[" * (2 << 20),
    ):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(BadRequest, match=r"modes\.json"):
            ModeFile(path).read()


def test_what_is_no_file_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "modes.json")
    with pytest.raises(BadRequest, match=r"modes\.json"):
        ModeFile(tmp_path / "modes.json").read()


def test_a_node_alone_cannot_change_to_the_backup_cache(file, tmp_path):
    with pytest.raises(BadRequest, match="backup"):
        file.put(Setting(FLEET, cache="backup"))
    file.put(Setting(FLEET, cache="off"))
    path = next((tmp_path / "new").iterdir())
    path.write_text(path.read_text().replace("off", "backup"))
    with pytest.raises(BadRequest, match="backup"):
        file.read()
