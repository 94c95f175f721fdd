"""`gigaday config`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_every_setting_is_shown_with_its_source(run: Run, tmp_path: Path) -> None:
    rows = {row["setting"]: row for row in run("config", "show")}
    assert rows["GIGADAY_DATA_DIR"]["value"] == str(tmp_path)
    assert rows["GIGADAY_DATA_DIR"]["source"] != rows["MONGODB_MAX_POOL_SIZE"]["source"]


def test_valid_settings_are_valid(run: Run) -> None:
    assert run("config", "validate") == {"settings": "valid"}
