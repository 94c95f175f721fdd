import asyncio
from collections.abc import Sequence

import pytest

from gigaday.caching.gathered_store import Gatherer
from gigaday.errors import BackendDown

KEYS = [("acme", str(number)) for number in range(10)]


class Work:
    """Answers each argument with itself, once it may; notes each batch."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: BaseException | None = None
        self.bad: set[str] = set()

    async def __call__(self, arguments: list[str]) -> Sequence[str | Exception]:
        self.batches.append(arguments)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [ValueError(a) if a in self.bad else a for a in arguments]


def gatherer(work: Work, *, size: int = 100, width: int = 8, shared: bool = True) -> Gatherer[str, str]:
    return Gatherer(work, size=size, width=width, shared=shared)


async def ask_all(asked: Gatherer[str, str]) -> list[str]:
    return await asyncio.gather(*(asked.ask(key, key[1]) for key in KEYS))


async def test_what_is_asked_in_one_turn_is_one_batch_and_each_gets_its_own() -> None:
    work = Work()
    assert await ask_all(gatherer(work)) == [key[1] for key in KEYS]
    assert len(work.batches) == 1


async def test_no_batch_is_larger_than_its_size() -> None:
    work = Work()
    assert await ask_all(gatherer(work, size=4)) == [key[1] for key in KEYS]
    assert [len(batch) for batch in work.batches] == [4, 4, 2]


async def test_one_key_asked_twice_is_read_once() -> None:
    work = Work()
    asked = gatherer(work)
    assert await asyncio.gather(asked.ask(("a", "1"), "x"), asked.ask(("a", "1"), "x")) == ["x", "x"]
    assert work.batches == [["x"]]


async def test_one_key_of_two_owners_is_two() -> None:
    work = Work()
    asked = gatherer(work)
    assert await asyncio.gather(asked.ask(("a", "1"), "x"), asked.ask(("b", "1"), "y")) == ["x", "y"]


async def test_two_creations_of_one_key_never_share_a_bulk() -> None:
    work = Work()
    asked = gatherer(work, shared=False)
    assert await asyncio.gather(*(asked.ask(("a", "1"), str(n)) for n in range(3))) == ["0", "1", "2"]
    assert work.batches == [["0"], ["1"], ["2"]]


async def test_while_as_many_run_as_may_the_next_grows() -> None:
    work = Work()
    work.open.clear()
    asked = gatherer(work, width=1)
    first = asyncio.create_task(asked.ask(KEYS[0], "0"))
    await asyncio.sleep(0.01)
    rest = []
    for key in KEYS[1:]:
        rest.append(asyncio.create_task(asked.ask(key, key[1])))
        await asyncio.sleep(0)
    work.open.set()
    assert [await first, *await asyncio.gather(*rest)] == [key[1] for key in KEYS]
    assert [len(batch) for batch in work.batches] == [1, 9]


@pytest.mark.parametrize(
    ("raised", "told"), [(BackendDown("gone"), BackendDown), (asyncio.CancelledError(), BackendDown)]
)
async def test_an_error_reaches_everyone_who_waits(raised: BaseException, told: type[Exception]) -> None:
    work = Work()
    work.error = raised
    asked = gatherer(work)
    answers = await asyncio.gather(*(asked.ask(key, key[1]) for key in KEYS), return_exceptions=True)
    assert [type(answer) for answer in answers] == [told] * len(KEYS)
    work.error = None
    assert await asked.ask(KEYS[0], "again") == "again"


async def test_what_cannot_be_done_for_one_harms_no_other() -> None:
    work = Work()
    work.bad = {"3"}
    answers = await asyncio.gather(*(gatherer_.ask(key, key[1]) for gatherer_ in [gatherer(work)] for key in KEYS),
                                   return_exceptions=True)  # fmt: skip
    assert isinstance(answers[3], ValueError)
    assert [answer for answer in answers if isinstance(answer, str)] == ["0", "1", "2", *"456789"]


async def test_a_caller_that_gives_up_takes_nobody_along() -> None:
    work = Work()
    work.open.clear()
    asked = gatherer(work)
    quitter, stayer = (asyncio.create_task(asked.ask(("a", "1"), "x")) for _ in range(2))
    await asyncio.sleep(0.01)
    quitter.cancel()
    await asyncio.sleep(0)
    work.open.set()
    assert await stayer == "x"
