"""`gigaday cache purge` on a node by itself."""

from collections.abc import Callable
from typing import Any

import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import BadRequest, NotFound

Run = Callable[..., Any]


def test_without_redis_it_says_that_nothing_is_shared(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build(load)(["cache", "purge", "--all"])
    assert not ended.value.code
    assert "REDIS_CLUSTER_URLS" in capsys.readouterr().err


def test_a_tenant_that_exists_can_be_named_in_both_ways(run: Run) -> None:
    run("tenants", "create", "acme")
    assert run("cache", "purge", "--tenant", "acme")["tags"] == ["acme"]
    assert run("cache", "purge", "--tag", "acme/products/")["tags"] == ["acme/products/"]


def test_a_tenant_that_does_not_is_refused(load: Load) -> None:
    with pytest.raises(NotFound):
        build(load)(["cache", "purge", "--tenant", "acme"])


@pytest.mark.parametrize("words", [[], ["--all", "--tenant", "acme"], ["--tag", "acme", "--tenant", "acme"]])
def test_exactly_one_thing_is_named(load: Load, words: list[str]) -> None:
    with pytest.raises(BadRequest, match="one of"):
        build(load)(["cache", "purge", *words])


@pytest.mark.parametrize("words", [["--tag", ""], ["--tag", "acme/prodcts"], ["--tenant", "acme/products"]])
def test_junk_is_refused(load: Load, words: list[str]) -> None:
    with pytest.raises(BadRequest):
        build(load)(["cache", "purge", *words])
