"""The spike's steps over nodes that come when they like."""

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.ops.modes import MODES, Modes
from gigaday.ops.runbook import StepFailed, Unneeded
from gigaday.ops.runbook_modes import ModeSteps
from gigaday.ops.runbook_spike import Alone, Announced, Spike, steps


class Nodes:
    """`to_come` more serve with each look; `told` is what a person is asked for."""

    where = "the field"

    def __init__(self, serving, to_come=0, told=""):
        self.serving, self.to_come, self.told, self.asked = serving, to_come, told, []

    async def count(self):
        self.serving += self.to_come if self.asked else 0
        return self.serving

    async def scale(self, count):
        self.asked.append(count)
        if not self.told:
            self.serving = count
        return self.told


@pytest.fixture
def asked():
    return []


@pytest.fixture
async def make(tmp_path, clock, asked):
    store = SqliteStore.open(tmp_path / "m.sqlite")
    await store.prepare([MODES])

    async def sleep(seconds):
        clock.time += seconds

    def made(serving, **wanted):
        by = ModeSteps(Modes(store, clock), clock, "ada", "spike")
        return steps(Spike(**wanted), by, serving, clock, asked.append, sleep)

    yield made
    await store.close()


async def test_what_helps_at_once_comes_before_nodes_and_nodes_may_be_left_alone(make):
    names = ["raise cache lifetimes", "tighten shedding"]
    assert [step.name for step in make(Nodes(2))] == [*names, "add nodes"]
    assert [step.name for step in make(None)] == names


async def test_twice_as_many_serve_unless_told_otherwise(make):
    for wanted, target in (({}, 4), ({"nodes": 3}, 3)):
        nodes = Nodes(2)
        step = make(nodes, **wanted)[-1]
        before = await step.check_before()
        await step.act(before)
        assert (await step.check_after(before))["nodes"] == target
        assert await step.undo(before, None) == "nodes 2"
        assert nodes.serving == 2


async def test_as_many_as_are_wanted_are_enough(make):
    with pytest.raises(Unneeded, match="3 serve already"):
        await make(Nodes(3), nodes=3)[-1].check_before()


async def test_where_nothing_serves_the_settings_are_in_doubt(make):
    with pytest.raises(StepFailed, match="nothing serves in the field"):
        await make(Nodes(0), nodes=3)[-1].check_before()


async def test_a_person_is_told_what_to_do_and_waited_for(make, asked):
    step = make(Nodes(2, to_come=1, told="start two"), nodes=4)[-1]
    before = await step.check_before()
    await step.act(before)
    assert asked == ["start two"]
    assert (await step.check_after(before))["nodes"] == 4


async def test_nodes_that_do_not_come_in_time_are_a_failure(make, clock):
    step = make(Nodes(2, told="start two"), nodes=4, wait=3.0)[-1]
    before, began = await step.check_before(), clock.time
    await step.act(before)
    with pytest.raises(StepFailed, match="2 serve after 3 s, and not 4"):
        await step.check_after(before)
    assert 3.0 <= clock.time - began < 4.0


async def test_what_was_added_elsewhere_is_not_taken_away_here(make):
    here = Nodes(5)
    with pytest.raises(StepFailed, match="the moon"):
        await make(here)[-1].undo({"nodes": 2, "of": "the moon"}, None)
    assert here.serving == 5


async def test_a_node_alone_cannot_have_others(make):
    with pytest.raises(Unneeded, match="REDIS_CLUSTER_URLS"):
        await make(Alone())[-1].check_before()


class Stream:
    """Of which all is heard a while after it is started."""

    def __init__(self, live, clock, silence):
        self.live, self._clock, self._heard = live, clock, clock.time + silence

    async def start(self):
        pass

    @property
    def settled(self):
        return self._clock.time >= self._heard


async def test_announced_nodes_are_counted_once_all_are_heard_without_this_process(clock):
    async def sleep(seconds):
        clock.time += seconds

    assert await Announced(Stream(4, clock, 1.0), clock, sleep).count() == 3
    with pytest.raises(StepFailed, match="--no-nodes"):
        await Announced(Stream(4, clock, 60.0), clock, sleep).count()


async def test_whoever_starts_nodes_is_given_the_command(clock):
    assert 'minReplicas": 6' in await Announced(Stream(4, clock, 0), clock).scale(6)
