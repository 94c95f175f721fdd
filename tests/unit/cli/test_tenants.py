"""`gigaday tenants`."""

from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import Conflict, Invalid, NotFound

Run = Callable[..., Any]


def test_a_tenant_is_made_shown_and_listed(run: Run) -> None:
    made = run("tenants", "create", "acme", "--name", "Acme Ltd", "--plan", "standard")
    assert (made["_id"], made["name"], made["plan"], made["status"]) == ("acme", "Acme Ltd", "standard", "active")
    assert run("tenants", "show", "acme") == made
    assert run("tenants", "list") == [made]


def test_suspend_and_resume(run: Run) -> None:
    run("tenants", "create", "acme")
    assert run("tenants", "suspend", "acme")["status"] == "suspended"
    assert run("tenants", "resume", "acme")["status"] == "active"


def test_a_list_goes_on_after_an_id(run: Run) -> None:
    for name in ("a", "b", "c"):
        run("tenants", "create", name)
    assert [tenant["_id"] for tenant in run("tenants", "list", "--after", "a", "--limit", "1")] == ["b"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["show", "nobody"], NotFound),
        (["create", "acme", "--plan", "golden"], Invalid),
        (["create", "taken"], Conflict),
    ],
)
def test_what_cannot_be_done_is_refused(run: Run, load: Load, words: list[str], error: type[Exception]) -> None:
    run("tenants", "create", "taken")
    with pytest.raises(error):
        build(load)(["tenants", *words])
