"""`gigaday doctor` on the embedded store."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.errors import SettingsError

Run = Callable[..., Any]


def test_a_sound_node_passes_every_check(run: Run) -> None:
    rows = {row["check"]: row["result"] for row in run("doctor")}
    assert rows.keys() >= {"settings", "data folder", "disk space", "database", "object store"}
    assert {rows[check] for check in ("settings", "data folder", "database", "object store")} == {"ok"}


def test_wrong_settings_are_a_fault_with_a_mend(capsys: pytest.CaptureFixture[str]) -> None:
    def load() -> Any:
        raise SettingsError("MONGODB_URL is not a setting; did you mean MONGODB_URI?")

    with pytest.raises(SystemExit) as ended:
        build(load)(["doctor"])
    assert ended.value.code == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["check"], row["result"]) == ("settings", "fault")
    assert "MONGODB_URI" in row["detail"]
    assert row["mend"]
