"""`gigaday tokens`: secrets are shown once, digests never."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import NotFound

Run = Callable[..., Any]


@pytest.fixture
def tenant(run: Run) -> str:
    run("tenants", "create", "acme")
    return "acme"


def test_the_secret_is_shown_when_made_and_never_again(run: Run, tenant: str) -> None:
    made = run("tokens", "create", tenant, "--scope", "products:read", "--scope", "media:read")
    assert made["secret"].startswith("gd_")
    assert made["scopes"] == ["products:read", "media:read"]
    listed = run("tokens", "list", tenant)
    assert [token["_id"] for token in listed] == [made["_id"]]
    assert made["secret"] not in json.dumps(listed)


def test_digests_are_not_shown(run: Run, tenant: str) -> None:
    assert "digest" not in run("tokens", "create", tenant)
    assert "digest" not in run("tokens", "list", tenant)[0]


def test_rotation_gives_a_new_secret_and_an_end_to_the_old_token(run: Run, tenant: str) -> None:
    old = run("tokens", "create", tenant)
    new = run("tokens", "rotate", tenant, old["_id"], "--overlap", "60")
    assert new["secret"] != old["secret"]
    known = {token["_id"]: token for token in run("tokens", "list", tenant)}
    assert known[old["_id"]]["expiresAt"] is not None
    assert known[new["_id"]]["expiresAt"] is None


def test_a_revoked_token_is_listed_as_such(run: Run, tenant: str) -> None:
    made = run("tokens", "create", tenant)
    assert run("tokens", "revoke", tenant, made["_id"]) == {"_id": made["_id"], "status": "revoked"}
    assert run("tokens", "list", tenant)[0]["revokedAt"] is not None


def test_tokens_of_another_tenant_are_not_found(run: Run, load: Load, tenant: str) -> None:
    made = run("tokens", "create", tenant)
    run("tenants", "create", "other")
    with pytest.raises(NotFound):
        build(load)(["tokens", "revoke", "other", made["_id"]])
