"""What is around a procedure: what may be said together, and the failures that no step of it meets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gigaday import settings
from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import BackendDown, BadRequest

Run = Callable[..., Any]


def nowhere(folder: Path) -> Load:
    """A database that there cannot be: so that it is known at once that it does not answer."""
    return lambda: settings.load({
        "GIGADAY_DATA_DIR": str(folder),
        "GIGADAY_PEPPER": "0" * 32,
        "MONGODB_URI": "mongodb://a@b@c/",
    })  # fmt: skip


def test_to_plan_and_to_undo_are_two_things(load: Load) -> None:
    with pytest.raises(BadRequest, match="--dry-run and --undo"):
        build(load)(["runbook", "spike", "--dry-run", "--undo"])


def test_without_the_database_the_other_ways_are_told_and_the_attempt_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = build(nowhere(tmp_path))
    with pytest.raises(BackendDown, match="gigaday mode set serve_stale --here"):
        command(["runbook", "cache", "--by", "ada"])
    with pytest.raises(SystemExit):
        command(["audit"])
    told = capsys.readouterr()
    [entry] = json.loads(told.out)
    assert (entry["procedure"], entry["what"], entry["by"]) == ("cache", "failed", "ada")
    assert "this machine" in told.err


def test_a_dry_run_without_the_database_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(BackendDown):
        build(nowhere(tmp_path))(["runbook", "cache", "--dry-run"])
    assert not (tmp_path / "audit.jsonl").exists()
