"""On a real SQLite file and a clock that the test moves (see `conftest`)."""

import asyncio
import gc
import tracemalloc

import msgspec
import pytest

from gigaday.caching.coherent import Coherent
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.trust import BOUND, Trust
from gigaday.contracts import OPERATOR, Delete
from gigaday.errors import BackendDown, Forbidden, RateLimited
from gigaday.model.token import TOKENS
from gigaday.ops.remembered import LIFETIME
from gigaday.ops.token_lookup import DocumentCodec, TokenLookup
from gigaday.rules import ids, secrets


@pytest.fixture
def other(make_node):
    """Another node on the same store."""
    return make_node()


def _randomness_with_prefix(secret: str) -> bytes:
    body = secret.split("_")[2]
    number = sum(ids.ALPHABET.index(letter) << (5 * at) for at, letter in enumerate(body[: secrets.PREFIX]))
    return number.to_bytes(secrets.RANDOM_BYTES, "big")


async def test_another_secret_with_the_same_prefix_is_refused(tenancy, lookup):
    _, secret = await tenancy.create_token("acme", "shop")
    forged = secrets.make("test", _randomness_with_prefix(secret)).text
    assert secrets.id_of(forged) == secrets.id_of(secret)
    assert await lookup(forged) is None


async def test_a_token_expires(tenancy, clock, lookup):
    _, secret = await tenancy.create_token("acme", "shop", expires_in=10)
    assert await lookup(secret)
    clock.time += 10
    assert await lookup(secret) is None


async def test_a_revoked_token_is_refused_at_once(tenancy, lookup):
    record, secret = await tenancy.create_token("acme", "shop")
    assert await lookup(secret)
    await tenancy.revoke_token("acme", record["_id"])
    assert await lookup(secret) is None


async def test_another_node_refuses_a_revoked_token_within_a_second(tenancy, other, clock):
    record, secret = await tenancy.create_token("acme", "shop")
    assert await other.lookup(secret)
    await tenancy.revoke_token("acme", record["_id"])
    clock.time += 1.0
    assert await other.lookup(secret) is None


async def test_a_suspended_tenant_is_told_so(tenancy, lookup):
    _, secret = await tenancy.create_token("acme", "shop")
    await lookup(secret)
    await tenancy.set_status("acme", "suspended")
    with pytest.raises(Forbidden):
        await lookup(secret)


async def test_in_an_outage_known_tokens_work_and_unknown_ones_are_not_called_wrong(tenancy, store, clock, lookup):
    _, known = await tenancy.create_token("acme", "known")
    _, unknown = await tenancy.create_token("acme", "unknown")
    await lookup(known)
    store.down = True
    clock.time += LIFETIME.stale_if_error - 1
    for _ in range(2):
        assert await lookup(known)
    with pytest.raises(BackendDown):
        await lookup(unknown)
    clock.time += 2
    with pytest.raises(BackendDown):
        await lookup(known)


async def test_when_a_token_was_used_is_written_down(tenancy, lookup, node):
    record, secret = await tenancy.create_token("acme", "shop")
    await lookup(secret)
    await node.tokens.record_use()
    [token] = await tenancy.list_tokens("acme")
    assert token["_id"] == record["_id"] and token["lastUsedAt"]


async def test_a_token_whose_record_is_gone_is_refused(tenancy, store, clock, lookup):
    record, secret = await tenancy.create_token("acme", "shop")
    await lookup(secret)
    await store.write(TOKENS, OPERATOR, [Delete(record["_id"])])
    clock.time += 1
    assert await lookup(secret) is None


async def test_another_node_refuses_a_suspended_tenant_within_a_second(tenancy, other, clock):
    _, secret = await tenancy.create_token("acme", "shop")
    assert await other.lookup(secret)
    await tenancy.set_status("acme", "suspended")
    clock.time += 1.0
    with pytest.raises(Forbidden):
        await other.lookup(secret)


async def test_no_token_of_a_suspended_tenant_works_in_an_outage(tenancy, store, lookup):
    made = [(await tenancy.create_token("acme", name))[1] for name in ("one", "two")]
    for secret in made:
        await lookup(secret)
    await tenancy.set_status("acme", "suspended")
    store.down = True
    for secret in made:
        with pytest.raises(BackendDown):
            await lookup(secret)


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
        with pytest.raises((Forbidden, BackendDown)):
            await other.lookup(secret)


async def test_suspending_one_tenant_forgets_no_token_of_another(tenancy, store, lookup):
    await tenancy.create_tenant("other", "Other")
    _, secret = await tenancy.create_token("other", "theirs")
    await lookup(secret)
    await tenancy.set_status("acme", "suspended")
    store.down = True
    assert await lookup(secret)


async def test_what_was_read_before_a_revocation_is_not_believed_after_it(tenancy, store, lookup):
    record, secret = await tenancy.create_token("acme", "shop")
    store.held = asyncio.Event()
    slow = asyncio.create_task(lookup(secret))
    await store.reading.wait()
    held, store.held = store.held, None
    await tenancy.revoke_token("acme", record["_id"])
    held.set()
    assert await slow
    assert await lookup(secret) is None


async def test_the_store_is_not_read_for_an_unknown_token_that_is_not_admitted(tenancy, store, lookup):
    async def refuse():
        raise RateLimited

    _, secret = await tenancy.create_token("acme", "shop")
    reads = store.reads
    with pytest.raises(RateLimited):
        await lookup(secret, refuse)
    assert await lookup("gd_test_nonsense", refuse) is None
    assert store.reads == reads


async def test_a_known_token_needs_no_admission(tenancy, clock, lookup):
    async def refuse():
        raise RateLimited

    _, secret = await tenancy.create_token("acme", "shop")
    assert await lookup(secret)
    assert await lookup(secret, refuse)
    clock.time += 5
    assert await lookup(secret, refuse)


async def test_uses_that_an_outage_kept_from_being_noted_are_noted_later(tenancy, store, lookup, node):
    _, secret = await tenancy.create_token("acme", "shop")
    await lookup(secret)
    store.down = True
    with pytest.raises(BackendDown):
        await node.tokens.record_use()
    store.down = False
    await node.tokens.record_use()
    [token] = await tenancy.list_tokens("acme")
    assert token["lastUsedAt"]


async def test_the_hot_path_knows_a_proven_header_until_anything_about_it_changes(tenancy, node, clock):
    record, secret = await tenancy.create_token("acme", "shop", expires_in=1_000)
    header = b"Bearer " + secret.encode()
    assert node.tokens.known(header, clock.monotonic()) is None
    principal = await node.lookup(secret)
    assert node.tokens.known(header, clock.monotonic()) is principal
    assert node.tokens.known(header + b" ", clock.monotonic()) is None
    await tenancy.change_tenant("acme", {"plan": "free"})
    assert node.tokens.known(header, clock.monotonic()) is None
    assert (await node.lookup(secret)).plan == "free"
    assert node.tokens.known(header, clock.monotonic()).plan == "free"
    await tenancy.revoke_token("acme", record["_id"])
    assert node.tokens.known(header, clock.monotonic()) is None


async def test_the_hot_path_knows_no_token_past_its_end(tenancy, node, clock):
    _, secret = await tenancy.create_token("acme", "shop", expires_in=1)
    await node.lookup(secret)
    clock.time += 0.5
    assert node.tokens.known(b"Bearer " + secret.encode(), clock.monotonic())
    clock.time += 0.5
    assert node.tokens.known(b"Bearer " + secret.encode(), clock.monotonic()) is None


async def test_noting_uses_drops_nothing_from_the_cache(tenancy, node, clock):
    _, secret = await tenancy.create_token("acme", "shop")
    await node.lookup(secret)
    await node.tokens.record_use()
    assert node.tokens.known(b"Bearer " + secret.encode(), clock.monotonic())


class Endless:
    """A store of as many tokens as are asked for, each of a tenant of its own."""

    async def get(self, collection, owner, id):
        made = {"_id": id, "createdBy": OPERATOR, "version": 1, "name": "name " * 20}
        if collection is TOKENS:
            digest = secrets.digest(secrets.make("test", _randomness(id)).text, b"pepper")
            made |= {"tenant": f"tenant-{id}", "kind": "secret", "scopes": [f"things{n}:read" for n in range(9)],
                     "digest": digest, "expiresAt": None, "revokedAt": None}  # fmt: skip
        else:
            made |= {"plan": "free", "status": "active"}
        return msgspec.json.decode(msgspec.json.encode(made))


def _randomness(id):
    return _randomness_with_prefix(f"gd_test_{id}")


async def test_of_many_callers_no_more_is_kept_than_the_cache_has_room_for(clock):
    cache = Coherent(clock, DocumentCodec(), Invalidation(), Trust(), max_bytes=1 << 20)
    tokens = TokenLookup(Endless(), clock, b"pepper", cache)
    tracemalloc.start()
    try:
        for number in range(6_000):
            text = secrets.make("test", number.to_bytes(secrets.RANDOM_BYTES, "big")).text
            assert await tokens.principal(text)
        assert tokens.known(b"Bearer " + text.encode(), clock.monotonic())
        assert tracemalloc.get_traced_memory()[0] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("settings", [{}, {f"setting {n}": {"name": "x" * n, "on": True} for n in range(50)}])
def test_a_document_weighs_what_it_takes_in_memory(settings):
    raw = [msgspec.json.encode({"_id": f"tenant-{n}", "plan": "free", "settings": settings}) for n in range(200)]
    codec = DocumentCodec()
    codec.decode(raw[0])
    gc.collect()  # frees what Python holds ready for the next objects, which would count as nothing
    tracemalloc.start()
    try:
        documents = [codec.decode(one) for one in raw]
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.85 < taken / sum(map(codec.size, documents)) < 1.1


async def test_a_cached_token_is_weighed_with_all_that_is_kept_of_its_caller(clock):
    """Of few, all of whom the cache holds."""
    cache = Coherent(clock, DocumentCodec(), Invalidation(), Trust())
    tokens = TokenLookup(Endless(), clock, b"pepper", cache)
    tracemalloc.start()
    try:
        for number in range(900):
            await tokens.principal(secrets.make("test", number.to_bytes(secrets.RANDOM_BYTES, "big")).text)
        assert tracemalloc.get_traced_memory()[0] < cache.bytes
    finally:
        tracemalloc.stop()


async def test_what_was_proven_needs_no_admission_however_many_came_since(clock):
    async def refuse():
        raise RateLimited

    tokens = TokenLookup(Endless(), clock, b"pepper", Coherent(clock, DocumentCodec(), Invalidation(), Trust()))
    texts = [secrets.make("test", n.to_bytes(secrets.RANDOM_BYTES, "big")).text for n in range(1_100)]
    for text in texts:
        await tokens.principal(text)
        clock.time += 0.01
    assert await tokens.principal(texts[0], refuse)


async def test_uses_of_many_tokens_are_noted_in_calls_of_a_bounded_size(tenancy, node, store, lookup):
    for number in range(600):
        _, secret = await tenancy.create_token("acme", f"shop {number}")
        await lookup(secret)
    await node.tokens.record_use()
    assert max(store.sizes) <= 500 and sum(store.sizes) == 600
    assert all(token["lastUsedAt"] for token in await tenancy.list_tokens("acme", 1_000))


async def test_the_hot_path_knows_nobody_once_invalidations_may_be_kept_from_the_node(clock):
    trust = Trust()
    tokens = TokenLookup(Endless(), clock, b"pepper", Coherent(clock, DocumentCodec(), Invalidation(), trust))
    text = secrets.make("test", bytes(secrets.RANDOM_BYTES)).text
    await tokens.principal(text)
    clock.time += BOUND
    trust.until = clock.time + 10
    assert tokens.known(b"Bearer " + text.encode(), clock.monotonic())
    trust.end(clock.time)
    assert tokens.known(b"Bearer " + text.encode(), clock.monotonic()) is None


async def test_without_a_stream_the_hot_path_knows_a_token_for_as_long_as_the_cache_does(tenancy, node, other, clock):
    record, secret = await tenancy.create_token("acme", "shop")
    header = b"Bearer " + secret.encode()
    await other.lookup(secret)
    clock.time += BOUND / 2
    assert other.tokens.known(header, clock.monotonic())
    await tenancy.revoke_token("acme", record["_id"])
    clock.time += BOUND / 2
    assert other.tokens.known(header, clock.monotonic()) is None
