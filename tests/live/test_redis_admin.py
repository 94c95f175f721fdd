"""What an operator sees of a real Redis Cluster: by the doctor, and by a node's health while Redis is away."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gigaday.backends.redis_admin import RedisAdmin
from gigaday.backends.redis_lane import Access
from gigaday.errors import BackendDown
from tests.servers import running
from tests.servers.node import Node
from tests.servers.redis import RedisCluster

pytestmark = pytest.mark.live


@pytest.fixture
def small() -> Iterator[RedisCluster]:
    """A primary with a replica, set as the docs have it; a test may do with it what it likes."""
    with running(RedisCluster(primaries=1, replicas=1, password="hunter2")) as started:
        for index in range(2):
            started.call(index, "CONFIG", "SET", "maxmemory", "64mb")
            started.call(index, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        yield started


def admin(cluster: RedisCluster, password: str = "hunter2") -> RedisAdmin:
    return RedisAdmin(cluster.addresses[:1], Access(password=password))


async def test_every_member_tells_of_itself_though_one_address_was_given(small: RedisCluster) -> None:
    members, silent = await admin(small).members()
    assert silent == {}
    primary, replica = sorted(members, key=lambda member: -member.slots)
    assert (primary.slots, primary.of, primary.clustered, primary.state) == (16_384, "", True, "ok")
    assert (replica.slots, replica.of, replica.linked) == (0, primary.address, True)
    assert {int(member.version.partition(".")[0]) for member in members} == {7}
    assert all(abs(member.clock - time.time()) < 5 and member.used_bytes > 0 for member in members)
    assert {member.settings["maxmemory-policy"] for member in members} == {"volatile-ttl"}


async def test_a_member_that_is_away_is_named_and_the_others_still_tell(small: RedisCluster) -> None:
    small.kill(1)
    members, silent = await admin(small).members()
    assert len(members) == 1
    assert list(silent) == [f"127.0.0.1:{small.ports[1]}"]


async def test_a_replica_that_has_lost_its_primary_says_so(small: RedisCluster) -> None:
    small.kill(0)
    left = RedisAdmin(small.addresses[1:], Access(password="hunter2"))
    deadline = time.monotonic() + 15
    while True:
        [replica], silent = await left.members()
        if not replica.linked and replica.state == "fail":
            break
        assert time.monotonic() < deadline, replica
        await asyncio.sleep(0.05)
    assert replica.slots == 0
    assert list(silent) == [replica.of]


async def test_a_wrong_password_is_told(small: RedisCluster) -> None:
    with pytest.raises(BackendDown, match="WRONGPASS") as refused:
        await admin(small, "other").members()
    assert "other" not in str(refused.value)


async def test_a_redis_that_is_no_cluster_is_one_member_with_all_slots() -> None:
    with running(RedisCluster(primaries=1, replicas=0, clustered=False)) as lone:
        [member], _ = await RedisAdmin(lone.addresses).members()
    assert (member.clustered, member.slots) == (False, 16_384)


def served(folder: Path, cluster: RedisCluster) -> Node:
    environ = {
        "GIGADAY_DATA_DIR": str(folder / "data"), "REDIS_CLUSTER_URLS": cluster.urls, "REDIS_PASSWORD": "hunter2",
        "CLUSTER_SIZE": "1",
    }  # fmt: skip
    return Node(environ, folder / "node.log")


def test_the_doctor_is_content_with_a_sound_cluster_and_names_what_is_wrong(
    tmp_path: Path, small: RedisCluster
) -> None:
    node = served(tmp_path, small)
    sound = node.cli("doctor")
    assert sound.returncode == 0, sound.stdout
    assert "redis replicas" in sound.stdout
    small.call(0, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    small.kill(1)
    ill = node.cli("doctor")
    assert ill.returncode == 1
    faults = {row["check"] for row in json.loads(ill.stdout) if row["result"] == "fault"}
    assert faults == {"redis", "redis settings", "redis replicas"}
    assert "hunter2" not in ill.stdout


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_health_tells_that_redis_is_down_while_the_node_stays_ready_and_serves(
    tmp_path: Path, small: RedisCluster
) -> None:
    node = served(tmp_path, small).start("--demo")
    try:
        headers = {"Authorization": f"Bearer {node.token('Demo')}"}

        def health() -> httpx.Response:
            return httpx.get(f"{node.url}/api/health")

        until(lambda: health().status_code == 200, 10)
        assert health().json()["components"]["cache"]["status"] == "up"
        small.kill_all()
        until(lambda: health().status_code == 503, 15)
        assert health().json()["components"]["cache"]["status"] == "down"
        assert "hunter2" not in health().text
        assert httpx.get(f"{node.url}/readyz").status_code == 200
        assert httpx.get(f"{node.url}/api/v1/products", headers=headers).status_code == 200
    finally:
        node.kill()
