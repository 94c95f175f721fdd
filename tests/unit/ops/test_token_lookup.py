"""On a real SQLite file and a clock that the test moves (see `conftest`)."""

import asyncio

import pytest

from gigaday.contracts import OPERATOR, Delete
from gigaday.errors import BackendDown, Forbidden, RateLimited
from gigaday.model.token import TOKENS
from gigaday.ops.tenancy import Tenancy
from gigaday.ops.token_lookup import STALE_SECONDS
from gigaday.rules import ids, secrets


@pytest.fixture
def other(store, clock):
    """Another node on the same store."""
    return Tenancy(store, clock, environment="test", pepper=b"pepper", resources=["products"])


def _randomness_with_prefix(secret: str) -> bytes:
    body = secret.split("_")[2]
    number = sum(ids.ALPHABET.index(letter) << (5 * at) for at, letter in enumerate(body[: secrets.PREFIX]))
    return number.to_bytes(secrets.RANDOM_BYTES, "big")


async def test_another_secret_with_the_same_prefix_is_refused(tenancy):
    _, secret = await tenancy.create_token("acme", "shop")
    forged = secrets.make("test", _randomness_with_prefix(secret)).text
    assert secrets.id_of(forged) == secrets.id_of(secret)
    assert await tenancy.lookup(forged) is None


async def test_a_token_expires(tenancy, clock):
    _, secret = await tenancy.create_token("acme", "shop", expires_in=10)
    assert await tenancy.lookup(secret)
    clock.time += 10
    assert await tenancy.lookup(secret) is None


async def test_a_revoked_token_is_refused_at_once(tenancy):
    record, secret = await tenancy.create_token("acme", "shop")
    assert await tenancy.lookup(secret)
    await tenancy.revoke_token("acme", record["_id"])
    assert await tenancy.lookup(secret) is None


async def test_another_node_refuses_a_revoked_token_within_a_second(tenancy, other, clock):
    record, secret = await tenancy.create_token("acme", "shop")
    assert await other.lookup(secret)
    await tenancy.revoke_token("acme", record["_id"])
    clock.time += 1.0
    assert await other.lookup(secret) is None


async def test_a_suspended_tenant_is_told_so(tenancy):
    _, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    with pytest.raises(Forbidden):
        await tenancy.lookup(secret)


async def test_in_an_outage_known_tokens_work_and_unknown_ones_are_not_called_wrong(tenancy, store, clock):
    _, known = await tenancy.create_token("acme", "known")
    _, unknown = await tenancy.create_token("acme", "unknown")
    await tenancy.lookup(known)
    store.down = True
    clock.time += STALE_SECONDS - 1
    for _ in range(2):
        assert await tenancy.lookup(known)
    with pytest.raises(BackendDown):
        await tenancy.lookup(unknown)
    clock.time += 1
    with pytest.raises(BackendDown):
        await tenancy.lookup(known)


async def test_when_a_token_was_used_is_written_down(tenancy):
    record, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    await tenancy.record_use()
    [token] = await tenancy.list_tokens("acme")
    assert token["_id"] == record["_id"] and token["lastUsedAt"]


async def test_a_token_whose_record_is_gone_is_refused(tenancy, store, clock):
    record, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    await store.write(TOKENS, OPERATOR, [Delete(record["_id"])])
    clock.time += 1
    assert await tenancy.lookup(secret) is None


async def test_another_node_refuses_a_suspended_tenant_within_a_second(tenancy, other, clock):
    _, secret = await tenancy.create_token("acme", "shop")
    assert await other.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    clock.time += 1.0
    with pytest.raises(Forbidden):
        await other.lookup(secret)


async def test_no_token_of_a_suspended_tenant_works_in_an_outage(tenancy, store):
    made = [(await tenancy.create_token("acme", name))[1] for name in ("one", "two")]
    for secret in made:
        await tenancy.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    store.down = True
    for secret in made:
        with pytest.raises(BackendDown):
            await tenancy.lookup(secret)


async def test_once_another_node_has_seen_the_suspension_it_believes_none_of_the_tokens(tenancy, other, store, clock):
    made = [(await tenancy.create_token("acme", name))[1] for name in ("one", "two")]
    for secret in made:
        await other.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    clock.time += 1.0
    with pytest.raises(Forbidden):
        await other.lookup(made[0])
    store.down = True
    for secret in made:
        with pytest.raises(BackendDown):
            await other.lookup(secret)


async def test_suspending_one_tenant_forgets_no_token_of_another(tenancy, store):
    await tenancy.create_tenant("other", "Other")
    _, secret = await tenancy.create_token("other", "theirs")
    await tenancy.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    store.down = True
    assert await tenancy.lookup(secret)


async def test_what_was_read_before_a_revocation_is_not_believed_after_it(tenancy, store):
    record, secret = await tenancy.create_token("acme", "shop")
    store.held = asyncio.Event()
    slow = asyncio.create_task(tenancy.lookup(secret))
    await store.reading.wait()
    held, store.held = store.held, None
    await tenancy.revoke_token("acme", record["_id"])
    held.set()
    assert await slow
    assert await tenancy.lookup(secret) is None


async def test_the_store_is_not_read_for_an_unknown_token_that_is_not_admitted(tenancy, store):
    async def refuse():
        raise RateLimited

    _, secret = await tenancy.create_token("acme", "shop")
    reads = store.reads
    with pytest.raises(RateLimited):
        await tenancy.lookup(secret, refuse)
    assert await tenancy.lookup("gd_test_nonsense", refuse) is None
    assert store.reads == reads


async def test_a_known_token_needs_no_admission(tenancy, clock):
    async def refuse():
        raise RateLimited

    _, secret = await tenancy.create_token("acme", "shop")
    assert await tenancy.lookup(secret)
    assert await tenancy.lookup(secret, refuse)
    clock.time += 5
    assert await tenancy.lookup(secret, refuse)


async def test_uses_that_an_outage_kept_from_being_noted_are_noted_later(tenancy, store):
    _, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    store.down = True
    with pytest.raises(BackendDown):
        await tenancy.record_use()
    store.down = False
    await tenancy.record_use()
    [token] = await tenancy.list_tokens("acme")
    assert token["lastUsedAt"]
