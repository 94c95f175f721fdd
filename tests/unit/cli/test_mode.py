"""`gigaday mode`: shown, set, cleared; for all, a tenant or this node."""

from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import BadRequest

Run = Callable[..., Any]


def test_a_mode_set_is_shown_with_who_and_why_until_it_is_cleared(run: Run) -> None:
    [known] = run("mode", "set", "read_only", "--reason", "moving house", "--for", "10m")
    assert (known["scope"], known["level"], known["reason"]) == ("fleet", "read_only", "moving house")
    assert known["until"] > known["since"]
    assert run("mode", "show") == [known]
    assert run("mode", "clear") == []


def test_a_tenants_mode_leaves_that_of_all(run: Run) -> None:
    run("mode", "set", "shed")
    shown = run("mode", "set", "normal", "--tenant", "acme", "--limits", "0.5", "--lifetimes", "2")
    assert {one["scope"]: (one["level"], one["limits"]) for one in shown} == {
        "fleet": ("shed", 1.0),
        "tenant:acme": ("normal", 0.5),
    }
    assert [one["scope"] for one in run("mode", "clear", "--tenant", "acme")] == ["fleet"]


def test_what_is_set_here_is_this_nodes_alone(run: Run) -> None:
    assert [one["level"] for one in run("mode", "set", "shed", "--here", "--admits", "write")] == ["shed"]
    assert [one["admits"] for one in run("mode", "show", "--here")] == ["write"]
    assert run("mode", "clear", "--here") == []


def test_what_is_no_mode_is_refused(load: Load) -> None:
    with pytest.raises(BadRequest, match="concurrency"):
        build(load)(["mode", "set", "shed", "--concurrency", "7"])
