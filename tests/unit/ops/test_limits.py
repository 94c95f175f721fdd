from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Policy
from gigaday.errors import BadRequest
from gigaday.model.plan import PLANS
from gigaday.model.request import Principal
from gigaday.ops.limits import ANONYMOUS, Limits

DEFAULT = Policy("default", 100, 900)
ACME = Principal("t1", "acme", frozenset(), "free")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "documents.sqlite")
    yield opened
    await opened.close()


def node(store: SqliteStore) -> Limits:
    return Limits(store, SystemClock(), PLANS, DEFAULT)


@pytest.fixture
def limits(store: SqliteStore) -> Limits:
    return node(store)


async def test_the_plan_limits_a_tenant_and_the_default_an_address(limits: Limits) -> None:
    assert [(b.key, b.policy) for b in limits.of(ACME, "")] == [("rate_limit:{acme:free}", PLANS["free"].policy)]
    assert [(b.key, b.policy) for b in limits.of(None, "192.0.2.1")] == [("rate_limit:{192.0.2.1:default}", DEFAULT)]


async def test_what_is_set_here_is_in_force_elsewhere_after_a_refresh(limits: Limits, store: SqliteStore) -> None:
    elsewhere = node(store)
    await limits.set("free", 5, 60)
    await elsewhere.refresh()
    assert elsewhere.of(ACME, "")[0].policy == Policy("free", 5, 60)
    await limits.unset("free")
    await elsewhere.refresh()
    assert elsewhere.of(ACME, "")[0].policy == PLANS["free"].policy


async def test_a_tenants_own_limit_wins_over_its_plans(limits: Limits) -> None:
    await limits.set("tenant:acme", 7, 60)
    assert [b.policy.quota for b in limits.of(ACME, "")] == [7]
    assert limits.of(Principal("t2", "other", frozenset(), "free"), "")[0].policy == PLANS["free"].policy


async def test_a_tokens_own_limit_stands_beside_its_tenants(limits: Limits) -> None:
    await limits.set("token:t1", 3, 60)
    assert [(b.key, b.policy.quota) for b in limits.of(ACME, "")] == [
        ("rate_limit:{acme:t1:token}", 3), ("rate_limit:{acme:free}", 600),
    ]  # fmt: skip
    assert len(limits.of(Principal("t2", "acme", frozenset(), "free"), "")) == 1


async def test_an_emergency_scales_every_quota_and_some_tenants_by_their_own_factor(limits: Limits) -> None:
    whole, version = limits.of(ACME, "")[0], limits.version
    limits.scale(0.5, {"acme": 0.1})
    [scaled] = limits.of(ACME, "")
    assert (scaled.key, scaled.policy.quota, limits.version) == (whole.key, whole.policy.quota // 10, version + 1)
    assert limits.of(Principal("t2", "other", frozenset(), "free"), "")[0].policy.quota == whole.policy.quota // 2
    assert limits.of(None, "192.0.2.1")[0].policy.quota == 50
    limits.scale(1.0, {})
    assert limits.of(ACME, "")[0].policy is whole.policy


async def test_an_emergency_limits_no_operator(limits: Limits) -> None:
    operator = Principal("t0", "", frozenset(), "unlimited", operator=True)
    before = limits.of(operator, "")
    limits.scale(0.01, {})
    assert limits.of(operator, "") == before


async def test_a_policy_that_did_not_change_stays_the_same_object(limits: Limits) -> None:
    await limits.set("tenant:acme", 7, 60)
    before = limits.of(ACME, "")[0].policy
    await limits.set("tenant:other", 8, 60)
    assert limits.of(ACME, "")[0].policy is before


@pytest.mark.parametrize(("name", "charged"), [("free", ACME), ("tenant:acme", ACME), (ANONYMOUS, None)])
async def test_a_trial_is_found_by_its_bucket_and_counts_without_limiting(
    limits: Limits, store: SqliteStore, name: str, charged: Principal | None
) -> None:
    bucket = limits.of(charged, "2001:db8::/64")[0]
    await limits.shadow(name, 2, 60)
    assert limits.of(charged, "2001:db8::/64")[0].policy == bucket.policy
    trial = limits.trial(*bucket[:2])
    assert trial is not None and (trial.quota, trial.window) == (2, 60)
    await limits.record({bucket.key: 3})
    await limits.record({bucket.key: 4, "rate_limit:{other:standard}": 9})
    assert {shown.name: shown.wouldRefuse for shown in await limits.show() if shown.wouldRefuse} == {name: 7}
    await limits.unshadow(name)
    assert limits.trial(*bucket[:2]) is None


async def test_no_address_is_taken_for_a_tenant(limits: Limits) -> None:
    await limits.shadow("tenant:2001", 2, 60)
    assert limits.trial(*limits.of(None, "2001:db8::/64")[0][:2]) is None


async def test_a_token_on_trial_needs_a_limit_of_its_own(limits: Limits) -> None:
    with pytest.raises(BadRequest):
        await limits.shadow("token:t1", 2, 60)
    await limits.set("token:t1", 9, 60)
    await limits.shadow("token:t1", 2, 60)
    assert limits.trial(*limits.of(ACME, "")[0][:2]) is not None
    assert limits.trial(*limits.of(ACME, "")[1][:2]) is None


@pytest.mark.parametrize(
    ("name", "quota", "window"),
    [
        ("gold", 1, 1),
        ("tenant:", 1, 1),
        ("", 1, 1),
        ("free", 0, 1),
        ("free", 1, 0),
        ("free", 1, 10**9),
        ("free", 10**13, 1),
    ],
)
async def test_says_what_is_no_limit(limits: Limits, name: str, quota: int, window: int) -> None:
    with pytest.raises(BadRequest):
        await limits.set(name, quota, window)


async def test_shows_plans_and_what_is_set(limits: Limits) -> None:
    await limits.set("tenant:acme", 7, 60)
    shown = {one.name: (one.quota, one.window, one.setBy) for one in await limits.show()}
    assert shown["free"] == (600, 60, "plan")
    assert shown["tenant:acme"] == (7, 60, "operator")
    assert shown[ANONYMOUS] == (100, 900, "plan")
