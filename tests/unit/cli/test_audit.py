"""`gigaday audit`: what was done, by whom."""

from collections.abc import Callable
from typing import Any

from gigaday.cli.operator import whoami

Run = Callable[..., Any]


def test_the_latest_entries_tell_who_did_what_and_how_it_was(run: Run) -> None:
    assert run("audit") == []
    run("runbook", "cache", "--by", "ada")
    run("runbook", "cache", "--undo")
    restored, undone = run("audit", "--limit", "2")
    assert (restored["what"], restored["by"]) == ("restored", whoami())
    assert (undone["step"], undone["before"]["limits"], undone["after"]["limits"]) == ("loosen limits", 2.0, 1.0)
    assert {entry["by"] for entry in run("audit")} == {"ada", whoami()}
