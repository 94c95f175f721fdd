"""Fixtures that several suites share: real servers, started once a session."""

from collections.abc import Iterator

import pytest

from tests.servers import running
from tests.servers.mongod import ReplicaSet
from tests.servers.redis import RedisCluster
from tests.servers.swift import Swift


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often tests/live/test_draining.py restarts its whole fleet."""
    parser.addoption("--rolling-restarts", type=int, default=1)


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """A primary, a secondary and an arbiter; tests share it and leave it whole."""
    with running(ReplicaSet()) as started:
        yield started


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Three primaries, each with a replica; tests share them and leave them whole."""
    with running(RedisCluster()) as started:
        yield started


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A real S3 server for the session; `bucket()` makes an empty one for each test."""
    server = Swift(tmp_path_factory.mktemp("swift"))
    with running(server):
        yield server
