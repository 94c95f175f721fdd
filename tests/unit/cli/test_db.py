"""`gigaday db` on the embedded store."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("words", [["indexes"], ["shard"], ["shard", "--dry-run"], ["shard", "--apply"], ["status"]])
def test_sqlite_needs_no_administration(run: Run, words: list[str]) -> None:
    assert run("db", *words)["database"] == "SQLite"
