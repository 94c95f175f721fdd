"""Background probes: when a status changes, what is told, and when the node is ready."""

import asyncio
import re

import pytest

from gigaday.errors import BackendDown
from gigaday.ops.health import Health, Probe, safe
from tests.clocks import HandClock


class Store:
    """A dependency that takes `takes` seconds of the fake clock, and fails with `error` where it is set."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.takes = 0.001
        self.error: Exception | None = None
        self.calls = 0

    async def ping(self) -> None:
        self.calls += 1
        self.clock.time += self.takes
        if self.error:
            raise self.error


@pytest.fixture
def clock() -> HandClock:
    return HandClock(1_000_000.0)


@pytest.fixture
def store(clock: HandClock) -> Store:
    return Store(clock)


@pytest.fixture
def health(clock: HandClock, store: Store) -> Health:
    return Health({"database": Probe(store.ping, threshold=0.1)}, clock)


async def test_a_component_that_answers_is_up(health: Health) -> None:
    await health.check("database")
    known = health.snapshot()["database"]
    assert (known.status, known.error, known.threshold_ms) == ("up", None, 100)
    assert known.latency_ms == pytest.approx(1)
    assert health.fault() is None


async def test_one_failure_changes_nothing_and_the_second_in_a_row_does(health: Health, store: Store) -> None:
    await health.check("database")
    store.error = BackendDown("no answer")
    await health.check("database")
    assert health.snapshot()["database"].status == "up"
    await health.check("database")
    assert health.snapshot()["database"].status == "down"
    assert health.fault() == "database: no answer"


async def test_failures_that_are_not_in_a_row_change_nothing(health: Health, store: Store) -> None:
    await health.check("database")
    for error in (BackendDown("a"), None, BackendDown("b"), None):
        store.error = error
        await health.check("database")
    assert health.snapshot()["database"].status == "up"


async def test_recovery_takes_two_successes_and_moves_since(health: Health, store: Store, clock: HandClock) -> None:
    store.error = BackendDown("gone")
    await health.check("database")
    fell = health.snapshot()["database"]
    assert fell.status == "down"
    store.error = None
    clock.time += 60
    await health.check("database")
    assert health.snapshot()["database"].status == "down"
    await health.check("database")
    rose = health.snapshot()["database"]
    assert (rose.status, rose.error) == ("up", None)
    assert rose.since > fell.since


async def test_a_slow_component_is_degraded_and_not_a_fault(health: Health, store: Store) -> None:
    store.takes = 0.2
    await health.check("database")
    assert health.snapshot()["database"].status == "degraded"
    assert health.fault() is None


async def test_a_check_that_never_ends_is_down(clock: HandClock) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    health = Health({"database": Probe(forever, timeout=0)}, clock)
    await health.check("database")
    assert health.fault() == "database: did not answer within 0 s"


async def test_unexpected_errors_tell_their_class_alone(health: Health, store: Store) -> None:
    store.error = ValueError("mongodb://user:hunter2@host/")
    await health.check("database")
    assert health.fault() == "database: failed with ValueError"


@pytest.mark.parametrize("text", ["at mongodb://u:hunter2@h:1/x", "login u:hunter2@host failed", "password=hunter2"])
def test_secrets_are_hidden(text: str) -> None:
    assert "hunter2" not in safe(text)


@pytest.mark.parametrize(
    "text", ["db1.internal:27017: refused", "<Server ('db1.internal', 27017)>", "10.1.2.3 is gone"]
)
def test_addresses_are_hidden(text: str) -> None:
    assert not re.search(r"internal|10\.1", safe(text))


def test_the_rest_of_the_words_is_kept() -> None:
    assert safe("mongodb: NetworkTimeout: db1:27017: timed out\n after 2 s") == (
        "mongodb: NetworkTimeout: [hidden]: timed out after 2 s"
    )


async def test_ready_follows_the_own_start_and_drain_but_not_a_dead_dependency(health: Health, store: Store) -> None:
    store.error = BackendDown("gone")
    assert not health.ready
    await health.start()
    assert health.ready
    health.drain()
    assert not health.ready
    await health.stop()


async def test_probes_go_on_in_the_background_until_stopped(clock: HandClock, store: Store) -> None:
    turns: asyncio.Queue[float] = asyncio.Queue()
    go: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        turns.put_nowait(seconds)
        await go.get()

    health = Health({"database": Probe(store.ping)}, clock, interval=2.0, sleep=sleep)
    await health.start()
    assert await turns.get() == 2.0
    go.put_nowait(None)
    await turns.get()
    assert store.calls == 2
    await health.stop()
    go.put_nowait(None)
    assert store.calls == 2


async def test_a_hanging_component_does_not_delay_another(clock: HandClock, store: Store) -> None:
    hang = asyncio.Event()
    first = True

    async def hanging() -> None:
        nonlocal first
        if not first:
            await hang.wait()
        first = False

    turns: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        turns.put_nowait(None)
        await asyncio.sleep(0)

    health = Health({"storage": Probe(hanging), "database": Probe(store.ping)}, clock, sleep=sleep)
    await health.start()
    for _ in range(6):
        await turns.get()
    assert store.calls >= 4
    await health.stop()
