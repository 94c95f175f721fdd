"""Fixtures that several suites share: real servers, started once a session."""

from collections.abc import Iterator

import pytest

from tests.servers import ServerMissing, missing
from tests.servers.mongod import ReplicaSet


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """A primary, a secondary and an arbiter; tests share it and leave it whole."""
    try:
        started = ReplicaSet().start()
    except ServerMissing as error:
        missing(str(error))
    yield started
    started.stop()
