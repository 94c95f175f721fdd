import asyncio

import pytest

from gigaday.errors import QuotaExceeded
from gigaday.ops.quota import Quota


async def test_what_is_reserved_counts_until_it_is_given_back(store):
    quota = Quota(store)
    await quota.reserve("acme", 100, 60)
    with pytest.raises(QuotaExceeded) as refused:
        await quota.reserve("acme", 100, 41)
    assert refused.value.extra == {"limit": 100, "used": 60, "size": 41}
    await quota.reserve("acme", 100, 40)
    await quota.release("acme", 60)
    assert await quota.used("acme") == 40
    await quota.reserve("acme", 100, 60)


async def test_no_limit_still_counts(store):
    quota = Quota(store)
    await quota.reserve("acme", 0, 1 << 50)
    assert await quota.used("acme") == 1 << 50


async def test_tenants_have_room_of_their_own(store):
    quota = Quota(store)
    await quota.reserve("acme", 100, 100)
    await quota.reserve("other", 100, 100)
    assert await quota.used("nobody") == 0


async def test_more_is_never_given_back_than_was_taken(store):
    quota = Quota(store)
    await quota.reserve("acme", 100, 10)
    await quota.release("acme", 50)
    assert await quota.used("acme") == 0


async def test_nodes_that_reserve_at_once_grant_no_room_twice(store):
    nodes = [Quota(store) for _ in range(4)]
    asked = [node.reserve("acme", 100, 10) for _ in range(5) for node in nodes]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers].count(QuotaExceeded) == 10
    assert await nodes[0].used("acme") == 100
