"""Runs the command in the test's process, over an embedded store of the test's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gigaday import settings
from gigaday.cli.main import build
from gigaday.cli.session import Load

Run = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return lambda: settings.load({"GIGADAY_DATA_DIR": str(tmp_path)})


@pytest.fixture
def run(load: Load, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str, status: int = 0) -> Any:
        with pytest.raises(SystemExit) as ended:
            build(load)(list(words))
        assert (ended.value.code or 0) == status
        return json.loads(capsys.readouterr().out)

    return command
