import asyncio
from io import StringIO

import msgspec

from gigaday.errors import BackendDown, BackendFull
from gigaday.ops import logs
from gigaday.ops.housekeeping import keep_house

ROUNDS = 3


async def _kept(**failing: Exception) -> tuple[list[str], list[dict]]:
    """What was done, and what was logged, until the last chore has been done `ROUNDS` times."""
    done: list[str] = []
    enough, sink = asyncio.Event(), StringIO()

    def failing_chore(name: str, error: Exception):
        async def chore() -> None:
            done.append(name)
            raise error

        return chore

    async def last() -> None:
        done.append("last")
        if done.count("last") == ROUNDS:
            enough.set()

    chores = {**{name: failing_chore(name, error) for name, error in failing.items()}, "last": last}
    task = asyncio.create_task(keep_house(chores, logs.logger("json", sink), every=0))
    await asyncio.wait_for(enough.wait(), 10)
    task.cancel()
    return done, [msgspec.json.decode(line) for line in sink.getvalue().splitlines()]


async def test_a_chore_that_fails_holds_up_no_other_and_is_tried_again() -> None:
    done, _ = await _kept(tidy=BackendFull("disk full"), record=BackendDown("gone"), odd=KeyError("x"))
    order = ["tidy", "record", "odd", "last"] * ROUNDS
    assert done[: len(order)] == order


async def test_the_log_names_the_chore_and_what_went_wrong() -> None:
    _, logged = await _kept(tidy=BackendFull("disk full"))
    assert {(line["event"], line["chore"], line["error"], line["reason"]) for line in logged} == {
        ("chore_failed", "tidy", "BackendFull", "disk full")
    }


async def test_what_succeeds_is_not_logged() -> None:
    assert (await _kept())[1] == []
