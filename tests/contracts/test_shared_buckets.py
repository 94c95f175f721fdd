"""What token buckets that all nodes share promise, over each of them."""

import asyncio
import math
import random
import secrets

import pytest

from gigaday.backends.redis_buckets import RedisBuckets
from gigaday.backends.redis_connect import Redis
from gigaday.contracts import Policy
from gigaday.errors import BackendDown
from gigaday.rules import buckets as rules
from tests.servers import free_ports

pytestmark = pytest.mark.live

POLICY = Policy("default", quota=100, window=900)


@pytest.fixture
async def redis(redis_cluster):
    client = Redis(redis_cluster.addresses, budget=2)
    yield client
    await client.close()


@pytest.fixture
def buckets(redis):
    return RedisBuckets(redis)


@pytest.fixture
def key():
    return f"rate_limit:{{{secrets.token_hex(8)}:default}}"


async def now(redis, key):
    seconds, micros = await redis.ask(key, "EVAL", "return redis.call('TIME')", 1, key)
    return int(seconds) + int(micros) / 1e6


async def hold(redis, key, tokens, ago, policy=POLICY):
    """Makes the bucket one that held `tokens` that many seconds ago."""
    at = await now(redis, key) - ago
    await redis.ask(key, "SET", key, f"{tokens:.17g} {at:.17g} {policy.quota}")
    return at


async def test_a_burst_from_many_clients_admits_exactly_the_quota(redis_cluster, key):
    clients = [Redis(redis_cluster.addresses, budget=2) for _ in range(4)]
    grants = await asyncio.gather(*(RedisBuckets(clients[n % 4]).lease(key, POLICY, 1, 1) for n in range(300)))
    for client in clients:
        await client.close()
    # 300 calls take far less than the 9 s in which a token grows.
    assert sum(grant.granted for grant in grants) == 100


async def test_as_many_as_there_are_but_never_fewer_than_the_least(buckets, key):
    assert (await buckets.lease(key, POLICY, 1, 70)).granted == 70
    assert (await buckets.lease(key, POLICY, 31, 70)).granted == 0
    last = await buckets.lease(key, POLICY, 30, 70)
    assert last.granted == 30 and last.level == pytest.approx(0, abs=0.5)


async def test_a_bucket_that_is_not_there_holds_what_is_known_to_be_left_at_most(buckets, key):
    first = await buckets.lease(key, POLICY, 1, 10, 30.0)
    assert (first.granted, first.level) == (10, pytest.approx(20, abs=0.1))
    assert (await buckets.lease(key, POLICY, 1, 10, 5.0)).granted == 10, "one that is there knows better"
    assert (await buckets.lease(f"{key}:other", POLICY, 1, 200, 1_000.0)).granted == 100


async def test_a_refusal_changes_nothing_and_puts_nothing_off(buckets, redis, key):
    await buckets.lease(key, POLICY, 1, 100)
    before, left = await redis.ask(key, "GET", key), await redis.ask(key, "PTTL", key)
    assert (await buckets.lease(key, POLICY, 1, 1)).granted == 0
    assert await redis.ask(key, "GET", key) == before
    assert await redis.ask(key, "PTTL", key) <= left <= 900_000


async def test_a_steady_client_at_the_rate_is_never_refused(buckets, redis, key):
    await buckets.lease(key, POLICY, 100, 100)
    level = 0.0
    for _ in range(50):
        await hold(redis, key, level, 9.0)
        grant = await buckets.lease(key, POLICY, 1, 1)
        assert grant.granted == 1
        level = grant.level


async def test_tokens_given_back_never_exceed_the_quota(buckets, redis, key):
    await buckets.lease(key, POLICY, 1, 10)
    back = await buckets.lease(key, POLICY, 0, -4)
    assert back.granted == -4 and back.level == pytest.approx(94, abs=0.1)
    assert (await buckets.lease(key, POLICY, 0, -50)).level == 100
    assert await redis.ask(key, "EXISTS", key) == 0


async def test_a_clock_that_went_back_refills_nothing(buckets, redis, key):
    await hold(redis, key, 5, -300)
    assert (await buckets.lease(key, POLICY, 1, 100)).granted == 5
    assert (await buckets.lease(key, POLICY, 1, 100)).granted == 0


async def test_a_changed_quota_leaves_the_bucket_as_full_in_proportion(buckets, key):
    await buckets.lease(key, POLICY, 1, 50)
    assert (await buckets.lease(key, Policy("default", 1000, 900), 1, 1000)).granted == 500
    assert (await buckets.lease(key, POLICY, 1, 1)).granted == 0


async def test_a_bucket_is_kept_no_longer_than_until_it_is_full(buckets, redis, key):
    await buckets.lease(key, POLICY, 1, 10)
    assert 89_000 < await redis.ask(key, "PTTL", key) <= 90_001


async def test_a_member_that_forgot_the_script_learns_it_again(buckets, redis_cluster, key):
    await buckets.lease(key, POLICY, 1, 1)
    for index in range(6):
        redis_cluster.call(index, "SCRIPT", "FLUSH")
    assert (await buckets.lease(key, POLICY, 1, 1)).level == pytest.approx(98, abs=0.1)


@pytest.mark.parametrize("seed", range(20))
async def test_it_reckons_as_the_rules_do(buckets, redis, key, seed):
    chance = random.Random(seed)
    policy = Policy("default", chance.choice([1, 7, 100, 5_000, 1_000_000]), chance.choice([1, 60, 900, 86_400]))
    for _ in range(10):
        tokens = chance.choice([0.0, 1.0, chance.random() * policy.quota, float(policy.quota)])
        ago = chance.choice([0.0, -5.0, chance.random() * policy.window, 2.0 * policy.window])
        least, most = sorted(chance.randint(1, policy.quota) for _ in range(2))
        level = rules.Level(tokens, await hold(redis, key, tokens, ago, policy))
        began = await now(redis, key)
        grant = await buckets.lease(key, policy, least, most)
        ended = await now(redis, key)
        case = f"seed {seed}: {policy} {level} {least} {most} {grant}"
        lowest, highest = (rules.refilled(level, policy, at).tokens for at in (began, ended))
        assert granted(lowest, least, most) <= grant.granted <= granted(highest, least, most), case
        assert lowest - grant.granted - 1e-6 <= grant.level <= max(0, highest - grant.granted) + 1e-6, case
        _, decision = rules.take(level, policy, grant.granted, ended)
        assert decision.allowed, case


def granted(tokens, least, most):
    whole = min(most, math.floor(tokens + 1e-9))
    return whole if whole >= least else 0


async def test_nobody_waits_for_a_redis_that_is_not_there(key):
    client = Redis([("127.0.0.1", free_ports(1)[0])])
    loop = asyncio.get_running_loop()
    for _ in range(5):
        began = loop.time()
        with pytest.raises(BackendDown):
            await RedisBuckets(client).lease(key, POLICY, 1, 1)
        assert loop.time() - began < 0.1
    await client.close()
