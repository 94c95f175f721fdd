"""On a real SQLite file and a clock that the test moves."""

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import OPERATOR, Delete, Query
from gigaday.errors import BackendDown, Conflict, Forbidden, Invalid, NotFound
from gigaday.model.token import TOKENS
from gigaday.ops.tenancy import STALE_SECONDS, Tenancy
from gigaday.rules import ids, secrets


class HandClock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Outage:
    """A store whose reads fail while `down`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self.down = store, False

    async def get(self, *asked):
        if self.down:
            raise BackendDown("gone")
        return await self._store.get(*asked)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
async def clock():
    return HandClock()


@pytest.fixture
async def store(tmp_path):
    store = Outage(SqliteStore.open(tmp_path / "t.sqlite"))
    yield store
    await store.close()


@pytest.fixture
async def tenancy(store, clock):
    tenancy = Tenancy(store, clock, environment="test", pepper=b"pepper", resources=["products"])
    await tenancy.create_tenant("acme", "Acme", plan="standard")
    return tenancy


async def test_a_token_tells_whose_it_is(tenancy):
    record, secret = await tenancy.create_token("acme", "shop", scopes=["products:read"])
    principal = await tenancy.lookup(secret)
    assert (principal.tenant, principal.scopes, principal.plan) == ("acme", {"products:read"}, "standard")
    assert principal.token_id == record["_id"]


async def test_the_secret_is_not_stored(tenancy, store):
    _, secret = await tenancy.create_token("acme", "shop")
    for token in await store.page(TOKENS, OPERATOR, Query()):
        assert secret not in str(token) and secret[-20:] not in str(token)


async def test_another_secret_with_the_same_prefix_is_refused(tenancy):
    _, secret = await tenancy.create_token("acme", "shop")
    forged = secrets.make("test", _randomness_with_prefix(secret)).text
    assert secrets.id_of(forged) == secrets.id_of(secret)
    assert await tenancy.lookup(forged) is None


def _randomness_with_prefix(secret: str) -> bytes:
    body = secret.split("_")[2]
    number = sum(ids.ALPHABET.index(letter) << (5 * at) for at, letter in enumerate(body[: secrets.PREFIX]))
    return number.to_bytes(secrets.RANDOM_BYTES, "big")


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


async def test_another_node_refuses_a_revoked_token_within_a_second(tenancy, store, clock):
    other = Tenancy(store, clock, environment="test", pepper=b"pepper", resources=["products"])
    record, secret = await tenancy.create_token("acme", "shop")
    assert await other.lookup(secret)
    await tenancy.revoke_token("acme", record["_id"])
    clock.time += 1.0
    assert await other.lookup(secret) is None


async def test_rotation_overlaps(tenancy, clock):
    record, old = await tenancy.create_token("acme", "shop", scopes=["media:read"])
    successor, new = await tenancy.rotate_token("acme", record["_id"], overlap=60)
    assert (successor["rotatedFrom"], successor["scopes"]) == (record["_id"], ["media:read"])
    assert await tenancy.lookup(old) and await tenancy.lookup(new)
    clock.time += 60
    assert await tenancy.lookup(old) is None
    assert await tenancy.lookup(new)
    with pytest.raises(Conflict):
        await tenancy.rotate_token("acme", record["_id"])


async def test_a_publishable_token_cannot_write(tenancy):
    with pytest.raises(Invalid):
        await tenancy.create_token("acme", "web", kind="publishable", scopes=["products:write"])
    record, _ = await tenancy.create_token("acme", "web", kind="publishable")
    assert all(scope.endswith(":read") for scope in record["scopes"])


async def test_a_token_cannot_hand_on_what_it_lacks(tenancy):
    granted = frozenset({"tokens:write", "products:read"})
    with pytest.raises(Forbidden):
        await tenancy.create_token("acme", "up", scopes=["products:write"], granted=granted)
    strong, _ = await tenancy.create_token("acme", "strong")
    with pytest.raises(Forbidden):
        await tenancy.rotate_token("acme", strong["_id"], granted=granted)
    weak, _ = await tenancy.create_token("acme", "weak", granted=granted)
    assert set(weak["scopes"]) == granted


async def test_tokens_of_another_tenant_are_as_if_missing(tenancy):
    await tenancy.create_tenant("other", "Other")
    record, _ = await tenancy.create_token("other", "theirs")
    for attempt in (tenancy.revoke_token("acme", record["_id"]), tenancy.rotate_token("acme", record["_id"])):
        with pytest.raises(NotFound):
            await attempt
    assert record["_id"] not in {token["_id"] for token in await tenancy.list_tokens("acme")}


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


async def test_the_operator_token_is_made_once(tenancy):
    secret = await tenancy.operator_token()
    assert (await tenancy.lookup(secret)).operator
    assert await tenancy.operator_token() is None


async def test_when_a_token_was_used_is_written_down(tenancy):
    record, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    await tenancy.record_use()
    [token] = await tenancy.list_tokens("acme")
    assert token["_id"] == record["_id"] and token["lastUsedAt"]


async def test_a_plan_must_exist(tenancy):
    with pytest.raises(Invalid):
        await tenancy.create_tenant("x", "X", plan="gold")


async def test_a_tenant_id_is_taken_once(tenancy):
    with pytest.raises(Conflict):
        await tenancy.create_tenant("acme", "Acme again")


async def test_a_token_whose_record_is_gone_is_refused(tenancy, store, clock):
    record, secret = await tenancy.create_token("acme", "shop")
    await tenancy.lookup(secret)
    await store.write(TOKENS, OPERATOR, [Delete(record["_id"])])
    clock.time += 1
    assert await tenancy.lookup(secret) is None
