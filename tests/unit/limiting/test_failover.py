import pytest

from gigaday.contracts import Policy
from gigaday.errors import BackendDown
from gigaday.limiting.failover import Failover, Guarded

POLICY = Policy("p", quota=100, window=900)


class Fuse:
    """A breaker that the test switches."""

    def __init__(self) -> None:
        self.closed = True
        self.told: list[bool] = []

    def allows(self) -> bool:
        return self.closed

    def succeeded(self) -> None:
        self.told.append(True)

    def failed(self) -> None:
        self.told.append(False)


@pytest.fixture
def fuses():
    return Fuse(), Fuse()


@pytest.fixture
def both(shelf, another_shelf, fuses):
    return Failover([Guarded(shelf, fuses[0]), Guarded(another_shelf, fuses[1])])


async def test_the_first_answers(both, shelf, another_shelf, fuses):
    assert (await both.lease("k", POLICY, 1, 10)).level == 90
    assert (len(shelf.asked), len(another_shelf.asked), both.answered) == (1, 0, [1, 0])
    assert (fuses[0].told, fuses[1].told) == ([True], [])


async def test_the_backup_answers_while_the_first_is_down(both, shelf, fuses):
    shelf.down = True
    assert (await both.lease("k", POLICY, 1, 10)).level == 90
    assert both.answered == [0, 1]
    assert (fuses[0].told, fuses[1].told) == ([False], [True])


async def test_what_is_known_to_be_down_is_not_asked(both, shelf, fuses):
    fuses[0].closed = False
    await both.lease("k", POLICY, 1, 10)
    assert (shelf.asked, fuses[0].told) == ([], [])


async def test_goes_back_to_the_first_as_soon_as_its_breaker_allows(both, fuses):
    fuses[0].closed = False
    await both.lease("k", POLICY, 1, 10)
    fuses[0].closed = True
    await both.lease("k", POLICY, 1, 10)
    assert both.answered == [1, 1]


async def test_down_where_none_answers(both, shelf, another_shelf, fuses):
    shelf.down = another_shelf.down = True
    with pytest.raises(BackendDown):
        await both.lease("k", POLICY, 1, 10)
    fuses[0].closed = fuses[1].closed = False
    with pytest.raises(BackendDown):
        await both.lease("k", POLICY, 1, 10)
    assert (len(shelf.asked), len(another_shelf.asked)) == (1, 1)


async def test_a_probe_reaches_the_first_whatever_the_breaker_says(both, shelf, fuses):
    fuses[0].closed = False
    await both.ping()
    shelf.down = True
    with pytest.raises(BackendDown):
        await both.ping()


async def test_closes_all(both, shelf, another_shelf):
    await both.close()
    assert shelf.closed and another_shelf.closed
