"""The engine of procedures, over steps that turn numbers and fail when told."""

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import OPERATOR, Insert, Query
from gigaday.errors import BackendDown, Conflict
from gigaday.ops.audit import AUDIT, Audit, AuditFile
from gigaday.ops.runbook import Runbook, Step, StepFailed, Stopped, Unneeded, difference, shown


class Plant:
    """Valves, all at 0; `faults` are (valve, check_before | act | check_after | undo) that fail; `undone` in order."""

    def __init__(self):
        self.valves = {"a": 0, "b": 0, "c": 0}
        self.faults, self.idle, self.undone = set(), set(), []

    def steps(self, to=1):
        return [self._step(name, to) for name in self.valves]

    def _meet(self, name, where):
        if (name, where) in self.faults:
            raise StepFailed(f"{name} is stuck")

    def _step(self, name, to):
        async def check_before():
            self._meet(name, "check_before")
            if name in self.idle:
                raise Unneeded("open anyway")
            return {"valve": self.valves[name], "wanted": {"valve": to}}

        async def act(before):
            self.valves[name] = before["wanted"]["valve"]
            self._meet(name, "act")

        async def check_after(before):
            self._meet(name, "check_after")
            return {"valve": self.valves[name]}

        async def undo(before, after):
            self._meet(name, "undo")
            self.undone.append((name, after))
            self.valves[name] = before["valve"]
            return f"valve {before['valve']}"

        return Step(name, f"why {name}", check_before, act, check_after, undo)


@pytest.fixture
def plant():
    return Plant()


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore.open(tmp_path / "r.sqlite")
    await store.prepare([AUDIT])
    yield store
    await store.close()


@pytest.fixture
def audit(store, clock, tmp_path):
    return Audit(store, clock, AuditFile(tmp_path / "audit.jsonl"), "ada")


@pytest.fixture
def told():
    return []


@pytest.fixture
def runbook(plant, audit, told):
    return Runbook("flood", plant.steps(), audit, lambda said: told.append((said.step, said.result)))


def results(report):
    return [(step.step, step.result) for step in report.steps]


async def trail(audit):
    return [(entry.what, entry.step) for entry in reversed(await audit.entries())]


async def test_every_step_is_done_told_and_in_the_trail_with_how_it_was(runbook, plant, audit, told):
    report = await runbook.run()
    assert (report.result, report.back) == ("done", "gigaday runbook flood --undo")
    assert [(step.step, step.result, step.told) for step in report.steps] == [
        (name, "done", "valve 0 -> 1") for name in "abc"
    ]
    assert told == [(name, result) for name in "abc" for result in ("working", "done")]
    assert plant.valves == {"a": 1, "b": 1, "c": 1}
    steps = [(what, name) for name in "abc" for what in ("acting", "done")]
    assert await trail(audit) == [("begun", ""), *steps, ("ended", "")]
    entry = next(entry for entry in await audit.entries() if entry.what == "done")
    assert (entry.by, entry.run, entry.before["valve"], entry.after) == ("ada", report.run, 0, {"valve": 1})


async def test_undoing_goes_backwards_and_restores_what_was(runbook, plant, audit):
    plant.valves["b"] = 7
    run = (await runbook.run()).run
    report = await runbook.undo()
    assert (report.run, report.result, results(report)) == (run, "undone", [(name, "undone") for name in "cba"])
    assert plant.valves == {"a": 0, "b": 7, "c": 0}
    assert plant.undone[0] == ("c", {"valve": 1})
    assert (await trail(audit))[-4:] == [("undone", "c"), ("undone", "b"), ("undone", "a"), ("restored", "")]
    assert (await runbook.undo()).result == "nothing to do"


@pytest.mark.parametrize("where", ["check_before", "act", "check_after"])
async def test_a_step_that_fails_stops_the_run_and_says_how_to_go_back(runbook, plant, audit, where):
    plant.faults.add(("b", where))
    with pytest.raises(Stopped, match=r"'b': b is stuck\n.*gigaday runbook flood --undo") as stopped:
        await runbook.run()
    assert results(stopped.value.report) == [("a", "done"), ("b", "failed")]
    assert plant.valves["c"] == 0
    assert (await trail(audit))[-1] == ("failed", "b")
    plant.faults.clear()
    await runbook.undo()
    assert plant.valves == {"a": 0, "b": 0, "c": 0}


async def test_a_stopped_run_goes_on_where_it_stopped_and_still_knows_how_it_was(runbook, plant):
    plant.faults.add(("b", "check_after"))
    with pytest.raises(Stopped) as stopped:
        await runbook.run()
    plant.faults.clear()
    plant.valves["a"] = 5  # by somebody else, meanwhile
    report = await runbook.run()
    assert (report.run, report.result) == (stopped.value.report.run, "done")
    assert plant.valves == {"a": 5, "b": 1, "c": 1}
    await runbook.undo()
    assert plant.valves == {"a": 0, "b": 0, "c": 0}


async def test_a_run_that_was_tried_again_very_often_still_knows_how_it_was(runbook, plant, store):
    plant.faults.add(("b", "act"))
    with pytest.raises(Stopped):
        await runbook.run()
    [failed] = await store.page(AUDIT, OPERATOR, Query(descending=True, limit=1))
    await store.write(AUDIT, OPERATOR, [Insert({**failed, "_id": f"{failed['_id']}{n:03}"}) for n in range(900)])
    await runbook.undo()
    assert plant.valves == {"a": 0, "b": 0, "c": 0}


async def test_a_first_step_that_fails_leaves_nothing_to_undo(runbook, plant):
    plant.faults.add(("a", "check_before"))
    with pytest.raises(Stopped) as stopped:
        await runbook.run()
    assert "--undo" not in str(stopped.value)
    plant.faults.clear()
    assert (await runbook.run()).run != stopped.value.report.run


async def test_a_step_that_has_nothing_to_do_is_left_out_and_not_undone(runbook, plant):
    plant.idle.add("b")
    report = await runbook.run()
    assert [(step.result, step.told) for step in report.steps][1] == ("skipped", "open anyway")
    assert results(await runbook.undo()) == [("c", "undone"), ("a", "undone")]


async def test_a_run_in_which_nothing_was_done_is_not_in_force(runbook, plant):
    plant.idle |= {"a", "b", "c"}
    assert [(report.result, report.back) for report in (await runbook.run(), await runbook.run())] == [
        ("nothing to do", "")
    ] * 2


async def test_a_second_run_is_refused_while_one_is_in_force(runbook, plant):
    run = (await runbook.run()).run
    with pytest.raises(Conflict, match=f"by ada .run {run}.*--undo"):
        await runbook.run()
    await runbook.undo()
    assert (await runbook.run()).result == "done"


async def test_of_two_that_begin_at_once_no_two_go_on(plant, audit, store, clock, tmp_path):
    """The other begins between this one's look at the trail and its own beginning."""

    class Late(Audit):
        async def add(self, what, *words, **more):
            if what == "begun":
                await audit.add("begun", "flood")
            return await super().add(what, *words, **more)

    late = Late(store, clock, AuditFile(tmp_path / "late.jsonl"), "bob")
    with pytest.raises(Conflict, match="ada has begun"):
        await Runbook("flood", plant.steps(), late).run()
    assert plant.valves == {"a": 0, "b": 0, "c": 0}
    assert (await Runbook("flood", plant.steps(), late).plan()).run == ""


async def test_a_dry_run_tells_what_would_be_and_does_nothing(runbook, plant, audit):
    plant.idle.add("b")
    plant.faults.add(("c", "check_before"))
    report = await runbook.plan()
    assert [(step.result, step.told) for step in report.steps] == [
        ("planned", "valve 0 -> 1"),
        ("skipped", "open anyway"),
        ("failed", "could not be done now: c is stuck"),
    ]
    assert plant.valves == {"a": 0, "b": 0, "c": 0}
    assert await audit.entries() == []


async def test_what_a_process_that_died_was_at_is_undone_too(plant, audit):
    class Died(BaseException):
        pass

    async def die(before):
        plant.valves["a"] = 1
        raise Died

    first, *others = plant.steps()
    dying = Step(first.name, first.why, first.check_before, die, first.check_after, first.undo)
    with pytest.raises(Died):
        await Runbook("flood", [dying, *others], audit).run()
    assert results(await Runbook("flood", plant.steps(), audit).undo()) == [("a", "undone")]
    assert plant.valves["a"] == 0


async def test_an_undoing_that_fails_can_be_repeated(runbook, plant):
    await runbook.run()
    plant.faults.add(("b", "undo"))
    with pytest.raises(Stopped, match="'b'"):
        await runbook.undo()
    assert plant.valves == {"a": 1, "b": 1, "c": 0}
    plant.faults.clear()
    assert results(await runbook.undo()) == [("b", "undone"), ("a", "undone")]


async def test_a_step_of_another_version_is_told_before_any_is_undone(runbook, plant, audit):
    await runbook.run()
    with pytest.raises(Conflict, match="no step 'a'"):
        await Runbook("flood", plant.steps()[1:], audit).undo()
    assert plant.undone == []


async def test_a_run_of_another_procedure_is_none_of_its_own(runbook, plant, audit):
    await Runbook("drought", plant.steps(), audit).run()
    assert (await runbook.undo()).result == "nothing to do"


async def test_a_back_end_that_fails_in_a_step_is_a_failed_step(plant, audit):
    async def fail():
        raise BackendDown("gone")

    first = plant.steps()[0]
    failing = Step(first.name, first.why, fail, first.act, first.check_after, first.undo)
    with pytest.raises(Stopped, match="gone"):
        await Runbook("flood", [failing], audit).run()


def test_words_are_of_plain_values_alone():
    before, after = {"x": 1.0, "same": "s", "deep": {"y": 1}}, {"x": 4.0, "same": "s", "new": 2, "deep": {"y": 2}}
    assert shown(before) == "x 1, same s"
    assert difference(before, after) == "x 1 -> 4, new 2"
