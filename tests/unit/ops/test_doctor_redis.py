"""What the doctor finds wrong with a Redis Cluster, and that each fault has its mend."""

from typing import Any

import msgspec
import pytest

from gigaday.errors import BackendDown
from gigaday.ops.doctor_redis import check_redis

SOUND = {"maxmemory": str(1 << 30), "maxmemory-policy": "volatile-ttl", "cluster-require-full-coverage": "no"}


class Member(msgspec.Struct, frozen=True):
    address: str
    version: str = "7.0.15"
    clustered: bool = True
    state: str = "ok"
    slots: int = 0
    of: str = ""
    linked: bool = True
    clock: float = 1000.0
    settings: dict[str, str] = msgspec.field(default_factory=SOUND.copy)


class Redis:
    """Two primaries with a replica each, but for `changes` of the first primary."""

    def __init__(self, **changes: Any) -> None:
        first = msgspec.structs.replace(Member("a", slots=8192), **changes)
        self.found = [first, Member("b", slots=8192), Member("c", of="a"), Member("d", of="b")]
        self.silent: dict[str, str] = {}

    async def members(self) -> tuple[list[Member], dict[str, str]]:
        return self.found, self.silent


async def faults(redis: Redis, *, spare: bool = False) -> list[str]:
    findings = await check_redis(redis, "redis", lambda: 1000.0, spare=spare)
    assert all(bool(finding.mend) != finding.ok for finding in findings)
    return [finding.check for finding in findings if not finding.ok]


async def test_a_sound_cluster_has_no_fault() -> None:
    assert await faults(Redis()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": "6.2.14"}, "version"),
        ({"state": "fail"}, "slots"),
        ({"slots": 8191}, "slots"),
        ({"clock": 1003.0}, "clocks"),
        ({"clock": 997.0}, "clocks"),
        ({"settings": {**SOUND, "cluster-require-full-coverage": "yes"}}, "settings"),
        ({"settings": {**SOUND, "maxmemory-policy": "noeviction"}}, "settings"),
        ({"settings": {**SOUND, "maxmemory-policy": "allkeys-lru"}}, "settings"),
        ({"settings": {**SOUND, "save": "3600 1"}}, "settings"),
        ({"settings": {**SOUND, "maxmemory": "0"}}, "memory"),
    ],
)
async def test_each_thing_that_is_wrong_is_told_by_itself(changes: dict[str, Any], fault: str) -> None:
    assert await faults(Redis(**changes)) == [f"redis {fault}"]


async def test_a_member_that_does_not_answer_is_named() -> None:
    redis = Redis()
    redis.silent = {"e:6379": "refused"}
    (finding, *_) = await check_redis(redis, "redis", lambda: 1000.0)
    assert not finding.ok
    assert "e:6379 (refused)" in finding.detail


@pytest.mark.parametrize("replica", [None, Member("c", of="a", linked=False)])
async def test_a_primary_that_nothing_follows_is_a_fault(replica: Member | None) -> None:
    redis = Redis()
    redis.found[2:3] = [replica] if replica else []
    assert await faults(redis) == ["redis replicas"]
    assert await faults(redis, spare=True) == []


async def test_a_lone_redis_may_be_a_spare_but_not_the_first() -> None:
    redis = Redis()
    redis.found = [
        Member("a", clustered=False, slots=16_384, settings={**SOUND, "cluster-require-full-coverage": "yes"})
    ]
    assert await faults(redis, spare=True) == []
    assert await faults(redis) == ["redis replicas"]


async def test_snapshots_beside_an_append_only_file_are_not_loaded_and_no_fault() -> None:
    assert await faults(Redis(settings={**SOUND, "save": "3600 1", "appendonly": "yes"})) == []


async def test_settings_that_are_not_told_are_no_fault() -> None:
    redis = Redis()
    redis.found = [msgspec.structs.replace(member, settings={}) for member in redis.found]
    assert await faults(redis) == []


async def test_a_cluster_that_does_not_answer_is_one_fault() -> None:
    class Down:
        async def members(self) -> tuple[list[Member], dict[str, str]]:
            raise BackendDown("redis: a:6379 refused")

    (finding,) = await check_redis(Down(), "redis", lambda: 1000.0)
    assert (finding.ok, bool(finding.mend)) == (False, True)
