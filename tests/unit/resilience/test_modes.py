import pytest

from gigaday.errors import BackendDown
from gigaday.resilience.guarded_store import GuardedStore
from gigaday.resilience.modes import Automatic, of_database


@pytest.fixture
def writable():
    return [True]


@pytest.fixture
def store(make_guard, writable):
    return GuardedStore(None, make_guard(), make_guard(), lambda: writable[0])


async def fails(guard):
    async def gone():
        raise BackendDown("gone")

    for _ in range(3):
        with pytest.raises(BackendDown):
            await guard.call(gone)


def test_all_is_normal_while_nothing_is_down(store):
    automatic = Automatic(of_database(store))
    assert (automatic.mode().level, automatic.causes()) == ("normal", [])


def test_a_database_that_takes_no_writes_is_read_only_until_it_does(store, writable):
    automatic = Automatic(of_database(store))
    writable[0] = False
    assert (automatic.mode().levels, automatic.causes()) == ({"read_only"}, ["database writes"])
    writable[0] = True
    assert automatic.mode().level == "normal"


async def test_writes_that_fail_make_it_read_only_until_somebody_may_try_again(store, clock):
    automatic = Automatic(of_database(store))
    await fails(store.writes)
    assert automatic.mode().level == "read_only"
    clock.time += 1.0
    assert automatic.mode().level == "normal"


async def test_a_database_that_answers_nothing_has_old_answers_served_and_writes_refused(store):
    automatic = Automatic(of_database(store))
    await fails(store.reads)
    assert automatic.mode().levels == {"serve_stale", "read_only"}
