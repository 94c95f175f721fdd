"""`gigaday runbook`: planned, run, undone, on the embedded store."""

from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import Conflict

Run = Callable[..., Any]


def results(report: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["result"] for step in report["steps"]}


def test_a_dry_run_tells_the_steps_with_why_and_changes_nothing(run: Run) -> None:
    report = run("runbook", "spike", "--dry-run")
    assert report["result"] == "planned"
    assert [step["told"] for step in report["steps"]][:2] == ["lifetimes 1 -> 4", "concurrency 1 -> 0.7"]
    assert all(step["why"] for step in report["steps"])
    assert run("mode", "show") == run("audit") == []


@pytest.mark.parametrize(
    ("words", "done", "brings"),
    [
        (
            ("spike", "--lifetimes", "3", "--concurrency", "0.5", "--admits", "read"),
            ["raise cache lifetimes", "tighten shedding"],
            {"lifetimes": 3.0, "concurrency": 0.5, "admits": "read"},
        ),
        (("database", "--read-only", "--pool", "3"), ["read-only mode"], {"level": "read_only", "pool": 1.0}),
        (("cache", "--limits", "3"), ["loosen limits"], {"limits": 3.0, "cache": "primary"}),
    ],
    ids=["spike", "database", "cache"],
)
def test_each_procedure_is_run_and_undone(run: Run, words: tuple[str, ...], done: list[str], brings: Any) -> None:
    run("mode", "set", "normal", "--limits", "0.5", "--reason", "before")
    before = run("mode", "show")
    report = run("runbook", *words)
    assert [step for step, result in results(report).items() if result == "done"] == done
    assert report["back"] == f"gigaday runbook {words[0]} --undo"
    [mode] = run("mode", "show")
    assert {name: mode[name] for name in brings} == brings
    undone = run("runbook", words[0], "--undo")
    assert undone["result"] == "undone"
    assert [set(results(undone).values()), list(results(undone))] == [{"undone"}, list(reversed(done))]
    assert [{**one, "revision": 0} for one in run("mode", "show")] == [{**one, "revision": 0} for one in before]


def test_two_procedures_are_undone_in_either_order(run: Run) -> None:
    for name in ("spike", "cache"):
        run("runbook", name)
    run("runbook", "spike", "--undo")
    [mode] = run("mode", "show")
    assert (mode["lifetimes"], mode["limits"]) == (1.0, 2.0)
    run("runbook", "cache", "--undo")
    assert run("mode", "show") == []


def test_nodes_are_left_alone_where_that_is_asked_for(run: Run) -> None:
    assert "add nodes" in results(run("runbook", "spike", "--dry-run"))
    assert "add nodes" not in results(run("runbook", "spike", "--no-nodes", "--dry-run"))
    assert "fail over" not in results(run("runbook", "database", "--no-failover", "--dry-run"))


def test_a_second_run_is_refused_with_the_way_back(run: Run, load: Load) -> None:
    run("runbook", "spike")
    with pytest.raises(Conflict, match="gigaday runbook spike --undo"):
        build(load)(["runbook", "spike"])


def test_nothing_to_undo_is_told(run: Run) -> None:
    assert run("runbook", "cache", "--undo")["result"] == "nothing to do"
