import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from gigaday.api.idempotency import IDEMPOTENCY, Idempotency
from gigaday.api.operation import PUBLIC, Call, Handler, Operation
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Collection, Outcome, Replace, Write
from gigaday.errors import BackendDown, Conflict
from gigaday.model.request import CURRENT, Principal, RequestState, time_left
from gigaday.rules import times
from tests.clocks import HandClock

STALE = 61


class Watched:
    """The documents; `renewed` once a claim has been renewed at the clock's present time."""

    def __init__(self, store: SqliteStore, clock: HandClock) -> None:
        self._store, self._clock = store, clock
        self.renewed = asyncio.Event()
        self.stuck = False
        self.time_left: list[float] = []

    async def write(self, collection: Collection, owner: str, writes: list[Write]) -> list[Outcome]:
        self.time_left.append(time_left(self._clock.monotonic(), 5.0))
        if self.stuck:
            await asyncio.Event().wait()
        outcomes = await self._store.write(collection, owner, writes)
        if isinstance(writes[0], Replace) and writes[0].document["startedAt"] == times.text(self._clock.now()):
            self.renewed.set()
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Desk:
    def __init__(self, store: SqliteStore) -> None:
        self.clock = HandClock(1_800_000_000.0)
        self.store = Watched(store, self.clock)
        self._idempotency = Idempotency(self.store, self.clock, renewal=0.01, patience=0.01)
        self._made = 0

    async def send(self, handle: Handler, *, streams: bool = False) -> Response:
        """A request of one and the same key and body, handled by `handle`."""
        self._made += 1
        operation = Operation(
            "POST", "/x", "x", "x", handle, PUBLIC, "x", streams=streams, idempotent=True, repeats=_same
        )
        scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": _HEADERS}
        call = Call(Request(scope, _no_body), Principal("t", "acme", frozenset(), "free"), {}, f"id{self._made}")
        return await self._idempotency.run(operation, call)


_HEADERS = [(b"idempotency-key", b"k"), (b"host", b"t")]


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _same(call: Call, answer: bytes) -> bool:
    return True


async def tell_id(call: Call) -> Response:
    return Response(call.new_id)


async def refuse(call: Call) -> Response:
    raise Conflict("no")


async def lose(call: Call) -> Response:
    raise BackendDown("lost")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = SqliteStore.open(tmp_path / "x.sqlite")
    await store.prepare([IDEMPOTENCY])
    yield Desk(store)
    await store.close()


class Paused:
    """A handler that waits until it is told how to end."""

    def __init__(self, handle: Handler) -> None:
        self.started, self.go = asyncio.Event(), asyncio.Event()
        self._handle = handle

    async def __call__(self, call: Call) -> Response:
        self.started.set()
        await self.go.wait()
        return await self._handle(call)


async def test_a_claim_is_not_taken_over_while_its_upload_lives(desk: Desk) -> None:
    paused = Paused(tell_id)
    first = asyncio.create_task(desk.send(paused, streams=True))
    await paused.started.wait()
    desk.clock.time += STALE
    await desk.store.renewed.wait()
    with pytest.raises(Conflict, match="still running"):
        await desk.send(tell_id, streams=True)
    paused.go.set()
    assert (await first).body == b"id1"
    again = await desk.send(refuse, streams=True)
    assert (again.body, again.headers["idempotency-replayed"]) == (b"id1", "true")


async def test_one_that_was_overtaken_does_not_end_the_claim_of_the_other(desk: Desk) -> None:
    overtaken, other = Paused(refuse), Paused(tell_id)
    first = asyncio.create_task(desk.send(overtaken))
    await overtaken.started.wait()
    desk.clock.time += STALE
    second = asyncio.create_task(desk.send(other))
    await other.started.wait()
    overtaken.go.set()
    with pytest.raises(Conflict, match="no"):
        await first
    with pytest.raises(Conflict, match="still running"):
        await desk.send(tell_id)
    other.go.set()
    assert (await second).body == b"id1"


async def test_a_refusal_frees_the_key(desk: Desk) -> None:
    with pytest.raises(Conflict):
        await desk.send(refuse)
    assert (await desk.send(tell_id)).body == b"id2"


async def test_a_refused_retry_still_goes_on_with_the_first_id(desk: Desk) -> None:
    with pytest.raises(BackendDown):
        await desk.send(lose)
    with pytest.raises(Conflict, match="no"):
        await desk.send(refuse)
    assert (await desk.send(tell_id)).body == b"id1"


async def test_a_cancelled_request_may_be_tried_again_at_once_with_the_first_id(desk: Desk) -> None:
    paused = Paused(tell_id)
    first = asyncio.create_task(desk.send(paused))
    await paused.started.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await desk.send(tell_id)).body == b"id1"


async def test_a_cancelled_request_does_not_wait_for_a_store_that_is_stuck(desk: Desk) -> None:
    paused = Paused(tell_id)
    first = asyncio.create_task(desk.send(paused))
    await paused.started.wait()
    desk.store.stuck = True
    first.cancel()
    await asyncio.wait([first], timeout=2)
    assert first.cancelled()


async def test_a_request_that_broke_may_be_tried_again_at_once_with_the_first_id(desk: Desk) -> None:
    async def broken(call: Call) -> Response:
        raise KeyError("a fault of ours")

    with pytest.raises(KeyError):
        await desk.send(broken)
    assert (await desk.send(tell_id)).body == b"id1"


@pytest.mark.parametrize("size", [1_100_000, 4 << 20])
async def test_a_large_answer_is_replayed_whole(desk: Desk, size: int) -> None:
    async def tell_much(call: Call) -> Response:
        return Response(b"x" * size, 201)

    assert (await desk.send(tell_much)).status_code == 201
    again = await desk.send(tell_much)
    assert (again.status_code, len(again.body)) == (201, size)


async def test_an_answer_too_large_to_keep_is_not_replayed_as_an_empty_one(desk: Desk) -> None:
    async def tell_too_much(call: Call) -> Response:
        return Response(bytes((4 << 20) + 1), 201, {"location": "/things/1"})

    assert (await desk.send(tell_too_much)).status_code == 201
    with pytest.raises(Conflict, match="done") as told:
        await desk.send(tell_too_much)
    assert told.value.headers["Location"] == "/things/1"


async def test_a_key_is_freed_though_its_request_has_no_time_left(desk: Desk) -> None:
    """Or a database that is slow for a moment would lock the key for a minute."""
    CURRENT.set(RequestState("r", 0.0, deadline=desk.clock.monotonic()))
    with pytest.raises(BackendDown):
        await desk.send(lose)
    claimed, freed = desk.store.time_left
    assert (claimed, freed) == (0.05, 5.0)
