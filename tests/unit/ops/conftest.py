"""Tenants and tokens on a real SQLite file that fails when told, and a clock that tests move."""

import asyncio

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.errors import BackendDown
from gigaday.ops.tenancy import Tenancy


class HandClock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Outage:
    """A store whose reads are counted, fail while `down`, and answer only once `held`, if set, is."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self.down, self.reads = store, False, 0
        self.held: asyncio.Event | None = None
        self.reading = asyncio.Event()

    async def get(self, *asked):
        self.reads += 1
        if self.down:
            raise BackendDown("gone")
        found = await self._store.get(*asked)
        if self.held is not None:
            self.reading.set()
            await self.held.wait()
        return found

    async def get_many(self, *asked):
        if self.down:
            raise BackendDown("gone")
        return await self._store.get_many(*asked)

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
