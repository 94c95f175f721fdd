"""The database's steps over a replica set of which tests say how it is."""

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.errors import BackendDown
from gigaday.ops.modes import MODES, Modes
from gigaday.ops.runbook import StepFailed, Unneeded
from gigaday.ops.runbook_database import WRITABLE_WITHIN, Trouble, steps
from gigaday.ops.runbook_modes import ModeSteps


class ReplicaSet:
    """Elects the next of `members` after `election` looks."""

    def __init__(self, members=("a:1", "b:1"), election=2):
        self.members, self.election = list(members), election
        self.leads, self.electing, self.downs, self.unfrozen, self.writes = self.members[0], 0, 0, [], 0
        self.of_shards: list[str] = []
        self.used, self.more = 100, 1000

    async def shards(self):
        return self.of_shards

    async def primary(self):
        self.electing -= 1
        if self.electing > 0:
            raise BackendDown("no primary")
        return self.leads

    async def heirs(self):
        return [member for member in self.members if member != self.leads]

    async def step_down(self, seconds):
        self.downs += 1
        if len(self.members) > 1:
            self.leads, self.electing = self.members[1], self.election

    async def unfreeze(self, member):
        self.unfrozen.append(member)

    async def try_write(self):
        self.writes += 1

    async def connections(self):
        return self.used, self.more


@pytest.fixture
async def make(tmp_path, clock):
    store = SqliteStore.open(tmp_path / "m.sqlite")
    await store.prepare([MODES])

    async def sleep(seconds):
        clock.time += seconds

    def made(database, writable=lambda: True, **wanted):
        by = ModeSteps(Modes(store, clock), clock, "ada", "database")
        return {step.name: step for step in steps(Trouble(**wanted), by, database, writable, clock, sleep)}

    yield made
    await store.close()


def test_writes_are_refused_first_where_that_is_asked_for(make):
    assert list(make(ReplicaSet())) == ["fail over", "widen pools"]
    assert list(make(ReplicaSet(), read_only=True)) == ["read-only mode", "fail over", "widen pools"]
    assert list(make(ReplicaSet(), failover=False)) == ["widen pools"]


async def test_another_member_leads_and_is_written_to(make):
    database = ReplicaSet()
    step = make(database)["fail over"]
    before = await step.check_before()
    await step.act(before)
    after = await step.check_after(before)
    assert (before["primary"], after["primary"], database.writes) == ("a:1", "b:1", 1)
    assert await step.undo(before, after) == "a:1 may be elected again; b:1 is the primary"
    assert database.unfrozen == ["a:1"]


async def test_going_on_does_not_depose_the_new_primary(make):
    database = ReplicaSet()
    step = make(database)["fail over"]
    before = await step.check_before()
    await step.act(before)
    await step.check_after(before)
    await step.act(before)
    assert database.downs == 1


async def test_nodes_have_to_know_of_the_new_primary(make):
    step = make(ReplicaSet(), writable=lambda: False)["fail over"]
    before = await step.check_before()
    await step.act(before)
    with pytest.raises(StepFailed, match="no other member"):
        await step.check_after(before)


async def test_no_primary_in_time_is_a_failure(make, clock):
    step = make(ReplicaSet(election=10_000))["fail over"]
    before, began = await step.check_before(), clock.time
    await step.act(before)
    with pytest.raises(StepFailed, match="no primary"):
        await step.check_after(before)
    assert WRITABLE_WITHIN <= clock.time - began < WRITABLE_WITHIN + 1


async def test_without_an_heir_the_primary_stays(make):
    with pytest.raises(StepFailed, match="could take over from a:1"):
        await make(ReplicaSet(["a:1"]))["fail over"].check_before()


async def test_a_cluster_is_told_shard_by_shard(make):
    database = ReplicaSet()
    database.of_shards = ["rs1/c:1,d:1"]
    with pytest.raises(Unneeded, match=r"rs.stepDown.* at rs1/c:1,d:1"):
        await make(database)["fail over"].check_before()


async def test_sqlite_has_neither_members_nor_pools(make):
    made = make(None, read_only=True)
    for name in ("fail over", "widen pools"):
        with pytest.raises(Unneeded, match="SQLite"):
            await made[name].check_before()
    assert (await made["read-only mode"].check_before())["level"] == "normal"


async def test_pools_are_not_widened_beyond_what_the_primary_takes(make):
    database = ReplicaSet()
    assert (await make(database, pool=3.0)["widen pools"].check_before())["wanted"] == {"pool": 3.0}
    database.more = 199
    with pytest.raises(StepFailed, match="100 connections and takes only 199 more"):
        await make(database, pool=3.0)["widen pools"].check_before()
