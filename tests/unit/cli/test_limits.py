"""`gigaday limits`: shown, set, tried out."""

from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import BadRequest

Run = Callable[..., Any]


def limits_of(shown: Any) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["quota"], one["window"]) for one in shown}


def test_every_plan_and_the_anonymous_limit_are_shown(run: Run) -> None:
    assert limits_of(run("limits", "show")).items() >= {"free": (600, 60), "anonymous": (100, 900)}.items()


def test_a_limit_set_is_shown_until_it_is_unset(run: Run) -> None:
    assert limits_of(run("limits", "set", "tenant:acme", "500", "10"))["tenant:acme"] == (500, 10)
    assert limits_of(run("limits", "show"))["tenant:acme"] == (500, 10)
    assert "tenant:acme" not in limits_of(run("limits", "unset", "tenant:acme"))


def test_a_trial_changes_no_limit_and_can_be_ended(run: Run) -> None:
    on = {one["name"]: one for one in run("limits", "shadow", "free", "100", "60")}
    assert (on["free"]["quota"], on["free"]["shadow"]) == (600, "100 in 60 s")
    off = {one["name"]: one for one in run("limits", "shadow", "free", "--off")}
    assert off["free"]["shadow"] == ""


def test_a_name_without_a_limit_is_refused(load: Load) -> None:
    with pytest.raises(BadRequest, match="anonymous"):
        build(load)(["limits", "set", "gold", "1"])
