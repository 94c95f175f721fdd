"""How the members of a Redis Cluster are named in settings, and a client with none to ask."""

import pytest

from gigaday.backends.redis_connect import Redis, addresses
from gigaday.errors import BackendDown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("redis-1:6379,redis-2:6380", [("redis-1", 6379), ("redis-2", 6380)]),
        (" redis://10.0.0.1:7000/ , rediss://[::1]:7001,", [("10.0.0.1", 7000), ("::1", 7001)]),
        ("", []),
    ],
)
def test_members_are_named_by_host_and_port(text: str, found: list[tuple[str, int]]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize("text", ["redis-1", "redis-1:", "redis-1:port"])
def test_a_member_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        addresses(text)


async def test_a_closed_client_refuses_and_may_be_closed_again() -> None:
    redis = Redis([("127.0.0.1", 1)])
    await redis.close()
    await redis.close()
    with pytest.raises(BackendDown):
        await redis.ask("a", "GET", "a")
