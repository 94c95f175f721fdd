"""Tenants and tokens on a real SQLite file that fails when told, and a clock that tests move."""

import asyncio

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.caching.coherent import Coherent
from gigaday.caching.coherent_store import CoherentStore
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.trust import Trust
from gigaday.errors import BackendDown
from gigaday.ops.tenancy import Tenancy
from gigaday.ops.token_lookup import DocumentCodec, TokenLookup
from tests.clocks import HandClock
from tests.unit.ops.kept_media import opened


class Outage:
    """A store whose reads are counted, fail while `down`, and answer only once `held`, if set, is."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self.down, self.reads = store, False, 0
        self.sizes: list[int] = []
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
        self.sizes.append(len(asked[2]))
        if self.down:
            raise BackendDown("gone")
        return await self._store.get_many(*asked)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
async def clock():
    return HandClock(1_800_000_000.0)


@pytest.fixture
async def store(tmp_path):
    store = Outage(SqliteStore.open(tmp_path / "t.sqlite"))
    yield store
    await store.close()


class Node:
    """Tenants, tokens and the lookup of one node, with its own cache, over a store that others may share."""

    def __init__(self, store: Outage, clock: HandClock) -> None:
        invalidation = Invalidation()
        remembered = Coherent(clock, DocumentCodec(), invalidation, Trust())
        coherent = CoherentStore(store, invalidation.invalidate)
        self.tenancy = Tenancy(coherent, clock, environment="test", pepper=b"pepper", resources=["products"])
        self.tokens = TokenLookup(store, clock, b"pepper", remembered)
        self.lookup = self.tokens.principal


@pytest.fixture
def make_node(store, clock):
    return lambda: Node(store, clock)


@pytest.fixture
async def node(make_node):
    node = make_node()
    await node.tenancy.create_tenant("acme", "Acme", plan="standard")
    return node


@pytest.fixture
async def tenancy(node):
    return node.tenancy


@pytest.fixture
async def lookup(node):
    return node.lookup


@pytest.fixture
async def kept(tmp_path):
    async with opened(tmp_path) as kept:
        yield kept
