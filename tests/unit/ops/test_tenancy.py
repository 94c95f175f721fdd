"""On a real SQLite file and a clock that the test moves (see `conftest`)."""

import asyncio

import pytest

from gigaday.contracts import OPERATOR, Query
from gigaday.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from gigaday.model.request import Principal
from gigaday.model.token import TOKENS
from gigaday.rules import times


async def test_a_token_tells_whose_it_is(tenancy, lookup):
    record, secret = await tenancy.create_token("acme", "shop", scopes=["products:read"])
    principal = await lookup(secret)
    assert (principal.tenant, principal.scopes, principal.plan) == ("acme", {"products:read"}, "standard")
    assert principal.token_id == record["_id"]


async def test_the_secret_is_not_stored(tenancy, store):
    _, secret = await tenancy.create_token("acme", "shop")
    for token in await store.page(TOKENS, OPERATOR, Query()):
        assert secret not in str(token) and secret[-20:] not in str(token)


async def test_rotation_overlaps(tenancy, clock, lookup):
    record, old = await tenancy.create_token("acme", "shop", scopes=["media:read"])
    successor, new = await tenancy.rotate_token("acme", record["_id"], overlap=60)
    assert (successor["rotatedFrom"], successor["scopes"]) == (record["_id"], ["media:read"])
    assert await lookup(old) and await lookup(new)
    clock.time += 60
    assert await lookup(old) is None
    assert await lookup(new)
    with pytest.raises(Conflict):
        await tenancy.rotate_token("acme", record["_id"])


async def test_a_publishable_token_cannot_write(tenancy):
    with pytest.raises(Invalid):
        await tenancy.create_token("acme", "web", kind="publishable", scopes=["products:write"])
    record, _ = await tenancy.create_token("acme", "web", kind="publishable")
    assert all(scope.endswith(":read") for scope in record["scopes"])


async def test_a_token_cannot_hand_on_what_it_lacks(tenancy):
    by = Principal("t", "acme", frozenset({"tokens:write", "products:read"}), "standard")
    with pytest.raises(Forbidden):
        await tenancy.create_token("acme", "up", scopes=["products:write"], by=by)
    strong, _ = await tenancy.create_token("acme", "strong")
    with pytest.raises(Forbidden):
        await tenancy.rotate_token("acme", strong["_id"], by=by)
    weak, _ = await tenancy.create_token("acme", "weak", by=by)
    assert set(weak["scopes"]) == by.scopes


async def test_tokens_of_another_tenant_are_as_if_missing(tenancy):
    await tenancy.create_tenant("other", "Other")
    record, _ = await tenancy.create_token("other", "theirs")
    for attempt in (tenancy.revoke_token("acme", record["_id"]), tenancy.rotate_token("acme", record["_id"])):
        with pytest.raises(NotFound):
            await attempt
    assert record["_id"] not in {token["_id"] for token in await tenancy.list_tokens("acme")}


async def test_the_operator_token_is_made_once(tenancy, lookup):
    secret = await tenancy.operator_token()
    assert (await lookup(secret)).operator
    assert await tenancy.operator_token() is None


async def test_a_plan_must_exist(tenancy):
    with pytest.raises(Invalid):
        await tenancy.create_tenant("x", "X", plan="gold")


async def test_a_tenant_id_is_taken_once(tenancy):
    with pytest.raises(Conflict):
        await tenancy.create_tenant("acme", "Acme again")


@pytest.fixture
async def ending(tenancy, lookup):
    """A token with an end, as the caller that it makes."""
    _, secret = await tenancy.create_token("acme", "ending", expires_in=100)
    return await lookup(secret)


@pytest.mark.parametrize(("asked", "given"), [(None, 100), (1000, 100), (50, 50)])
async def test_a_token_makes_none_that_lives_longer_than_itself(tenancy, clock, ending, asked, given):
    made, _ = await tenancy.create_token("acme", "next", expires_in=asked, by=ending)
    assert made["expiresAt"] == times.text(clock.time + given)


async def test_rotating_keeps_the_end(tenancy, clock, ending):
    successor, _ = await tenancy.rotate_token("acme", ending.token_id, by=ending)
    again, _ = await tenancy.rotate_token("acme", successor["_id"])
    assert successor["expiresAt"] == again["expiresAt"] == times.text(clock.time + 100)


async def test_rotating_another_gives_none_that_lives_longer_than_who_asks(tenancy, clock, ending):
    lasting, _ = await tenancy.create_token("acme", "lasting")
    successor, _ = await tenancy.rotate_token("acme", lasting["_id"], by=ending)
    assert successor["expiresAt"] == times.text(clock.time + 100)


async def test_a_token_is_rotated_once_and_a_second_time_is_told_its_successor(tenancy):
    record, _ = await tenancy.create_token("acme", "shop")
    successor, _ = await tenancy.rotate_token("acme", record["_id"], overlap=0)
    with pytest.raises(Conflict, match=successor["_id"]):
        await tenancy.rotate_token("acme", record["_id"])
    assert len(await tenancy.list_tokens("acme")) == 2


async def test_of_two_rotations_at_once_one_wins_and_the_other_leaves_no_token_that_works(tenancy):
    record, _ = await tenancy.create_token("acme", "shop")
    tries = [tenancy.rotate_token("acme", record["_id"]) for _ in range(2)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 1
    successors = [token for token in await tenancy.list_tokens("acme") if token["_id"] != record["_id"]]
    assert [token["revokedAt"] is None for token in successors].count(True) == 1


async def test_a_making_that_is_repeated_makes_one_token_and_names_it(tenancy):
    made, _ = await tenancy.create_token("acme", "shop", once="k")
    with pytest.raises(Conflict, match=made["_id"]):
        await tenancy.create_token("acme", "shop", once="k")
    assert [token["_id"] for token in await tenancy.list_tokens("acme")] == [made["_id"]]


async def test_another_key_or_another_tenant_makes_another_token(tenancy, lookup):
    await tenancy.create_tenant("other", "Other")
    made = [
        (await tenancy.create_token(who, "shop", once=key))
        for who, key in (("acme", "a"), ("acme", "b"), ("other", "a"))
    ]
    assert len({record["_id"] for record, _ in made}) == 3
    assert [(await lookup(secret)).token_id for _, secret in made] == [record["_id"] for record, _ in made]


async def test_a_change_of_a_tenant_may_be_refused_for_the_version_that_is_there(tenancy):
    def refuse(tenant):
        raise PreconditionFailed(f"at {tenant['version']}")

    with pytest.raises(PreconditionFailed, match="at 1"):
        await tenancy.change_tenant("acme", {"name": "New"}, refuse)
    assert (await tenancy.get_tenant("acme"))["name"] == "Acme"
