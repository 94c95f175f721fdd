import asyncio
from typing import Any

import pytest

from gigaday.edge.load import Caps, Load
from gigaday.edge.shed import Stage, UriTooLong
from gigaday.errors import BadRequest, BodyTooLarge, HeadersTooLarge, Unavailable
from gigaday.model.request import KEY, RequestState, state_of

HOST = ("host", "example.test")
SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"example.test")]}


@pytest.fixture
def stage(clock: Any) -> Any:
    def make(app: Any, priority: Any = "read", streams: bool = False, **caps: Any) -> Stage:
        choose = priority if callable(priority) else lambda method, path: priority
        return Stage(
            app,
            caps=Caps(**caps),
            load=Load(Caps(**caps)),
            clock=clock,
            body_cap=lambda method, path: 10,
            priority=choose,
            streams=lambda method, path: streams,
        )

    return make


async def _reading(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def _never(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("hosts", [[], [("host", "")], [("host", " ")], [HOST, ("host", "other.test")]])
async def test_wants_exactly_one_host(call: Any, stage: Any, hosts: Any) -> None:
    with pytest.raises(BadRequest):
        await call(stage(_reading), headers=hosts)


@pytest.mark.parametrize(
    "flood",
    [[("x", "y" * 20_000)], [(f"x-{n}", "") for n in range(101)], [("cookie", "a=b;" * 200)] * 30],
)
async def test_refuses_a_flood_of_headers(call: Any, stage: Any, flood: Any) -> None:
    with pytest.raises(HeadersTooLarge):
        await call(stage(_reading), headers=[HOST, *flood])


async def test_refuses_a_long_url(call: Any, stage: Any) -> None:
    with pytest.raises(UriTooLong):
        await call(stage(_reading), path="/" + "a" * 9_000)
    with pytest.raises(UriTooLong):
        await call(stage(_reading), query=b"a" * 9_000)


async def test_takes_a_body_up_to_the_cap(call: Any, stage: Any) -> None:
    answer = await call(stage(_reading), "POST", headers=[HOST, ("content-length", "10")], chunks=[b"12345", b"67890"])
    assert answer.body == b"1234567890"


@pytest.mark.parametrize("length", ["11", "9" * 19, "9" * 10_000])
async def test_refuses_a_long_body_before_reading_it(call: Any, stage: Any, replying: Any, length: str) -> None:
    with pytest.raises(BodyTooLarge):
        await call(stage(replying()), "POST", headers=[HOST, ("content-length", length)])


async def test_refuses_a_chunked_body_as_it_passes_the_cap(call: Any, stage: Any) -> None:
    with pytest.raises(BodyTooLarge):
        await call(stage(_reading), "POST", headers=[HOST, ("transfer-encoding", "chunked")], chunks=[b"123456"] * 2)


async def test_refuses_a_body_longer_than_it_claimed(call: Any, stage: Any) -> None:
    with pytest.raises(BodyTooLarge):
        await call(stage(_reading), "POST", headers=[HOST, ("content-length", "5")], chunks=[b"x" * 11])


@pytest.mark.parametrize("lengths", [["-1"], ["1e3"], [""], ["٣"], ["1", "2"], ["+5"], ["0x1"]])
async def test_refuses_a_length_that_is_none(call: Any, stage: Any, lengths: list[str]) -> None:
    scope_headers = [HOST, *(("content-length", n.encode("utf-8").decode("latin-1")) for n in lengths)]
    with pytest.raises(BadRequest):
        await call(stage(_reading), "POST", headers=scope_headers)


async def test_sheds_lists_first_and_health_never(call: Any, stage: Any, replying: Any) -> None:
    held = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/held":
            await held.wait()
        await replying()(scope, receive, send)

    paths = {"/held": "health", "/list": "list", "/read": "read", "/write": "write", "/health": "health"}
    subject = stage(app, priority=lambda method, path: paths[path], max_in_flight=20)

    async def refused() -> set[str]:
        out = set()
        for path in ("/list", "/read", "/write", "/health"):
            [answer] = await asyncio.gather(call(subject, path=path), return_exceptions=True)
            if isinstance(answer, Unavailable) and answer.headers["Retry-After"]:
                out.add(path)
        return out

    async with asyncio.TaskGroup() as tasks:
        seen = []
        for wanted in (15, 16, 18, 19, 25):
            while subject.load.in_flight < wanted:
                tasks.create_task(call(subject, path="/held"))
                await asyncio.sleep(0)
            seen.append(await refused())
        held.set()
    assert seen == [set(), {"/list"}, {"/list", "/read"}, *[{"/list", "/read", "/write"}] * 2]
    assert subject.load.in_flight == 0
    assert subject.load.refused == 9


async def test_answers_503_at_the_deadline(call: Any, stage: Any) -> None:
    with pytest.raises(Unavailable):
        await call(stage(_never, request_timeout=0.0))


async def test_the_deadline_ends_as_the_answer_starts(call: Any, stage: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"all"})

    assert (await call(stage(app, request_timeout=0.0001))).body == b"all"


async def test_what_streams_has_no_deadline(call: Any, stage: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        await _reading(scope, receive, send)

    assert (await call(stage(app, streams=True, request_timeout=0.0))).status == 200


async def test_a_time_out_of_the_application_is_its_own(call: Any, stage: Any, raising: Any) -> None:
    with pytest.raises(TimeoutError):
        await call(stage(raising(TimeoutError("pool"))))


async def test_an_error_frees_its_place(call: Any, stage: Any, raising: Any) -> None:
    subject = stage(raising(ValueError()))
    with pytest.raises(ValueError):
        await call(subject)
    assert subject.load.in_flight == 0


async def test_passes_lifespan_on(lifespan: Any, stage: Any) -> None:
    assert await lifespan(stage)


async def test_learns_that_it_is_overloaded_and_refuses_sooner(
    call: Any, stage: Any, clock: Any, replying: Any
) -> None:
    slow = 0.0

    async def origin(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)  # until all of a burst are under way
        await replying()(scope, receive, send)

    async def burst(shed: Stage) -> None:
        for _ in range(50):
            states = [RequestState("r", clock.time) for _ in range(80)]
            calls = [asyncio.create_task(call(shed, headers=[HOST], state=state)) for state in states]
            await asyncio.sleep(0)
            clock.time += slow
            await asyncio.gather(*calls, return_exceptions=True)
            clock.time += 0.2

    shed = stage(origin, max_in_flight=100, least_in_flight=5)
    slow = 0.001
    await burst(shed)
    usual = shed.load.limit.value
    slow = 0.5
    await burst(shed)
    assert usual == 100
    assert 5 <= shed.load.limit.value < 50


async def test_slow_bodies_teach_nothing(call: Any, stage: Any, clock: Any) -> None:
    async def origin(scope: Any, receive: Any, send: Any) -> None:
        clock.time += 0.001 if scope["method"] == "GET" else 9.0
        await _reading(scope, receive, send)

    shed = stage(origin, max_in_flight=100, least_in_flight=5)
    for _ in range(500):
        await call(shed, headers=[HOST], state=RequestState("r", clock.time))
        await call(shed, "POST", headers=[HOST], chunks=[b"x"], state=RequestState("r", clock.time))
    assert shed.load.limit.value == 100


async def test_who_waits_for_its_client_takes_no_place_from_others(call: Any, stage: Any, replying: Any) -> None:
    shed = stage(_reading, max_in_flight=40)
    shed.load.limit.value = 5.0
    client, sent = asyncio.Event(), {"type": "http.request", "body": b"x", "more_body": False}

    async def slow() -> Any:
        await client.wait()
        return sent

    scope = {**SCOPE, "method": "POST", KEY: RequestState("r", 0.0)}
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(30):
            tasks.create_task(shed(dict(scope), slow, send))
        await asyncio.sleep(0)
        assert (shed.load.open, shed.load.in_flight) == (30, 0)
        assert (await call(shed, headers=[HOST])).status == 200
        client.set()
    assert len(answers) == 60
    assert (shed.load.open, shed.load.in_flight) == (0, 0)


async def test_who_waits_for_its_client_counts_towards_the_cap(call: Any, stage: Any) -> None:
    shed = stage(_reading, max_in_flight=10)

    async def slow() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None: ...

    scope = {**SCOPE, "method": "POST", KEY: RequestState("r", 0.0)}
    tasks = [asyncio.create_task(shed(dict(scope), slow, send)) for _ in range(9)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await call(shed, headers=[HOST])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (shed.load.open, shed.load.in_flight) == (0, 0)


async def test_what_is_sent_slowly_takes_no_place_though_the_client_is_listened_for(stage: Any) -> None:
    """As a streamed answer does it: one task sends, another waits for the client to go."""
    working, reader = asyncio.Event(), asyncio.Event()

    async def origin(scope: Any, receive: Any, send: Any) -> None:
        listening = asyncio.create_task(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await working.wait()
        await send({"type": "http.response.body", "body": b"x", "more_body": False})
        listening.cancel()

    async def gone() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await reader.wait()

    shed = stage(origin, streams=True)
    scope = {**SCOPE, KEY: RequestState("r", 0.0)}
    task = asyncio.create_task(shed(scope, gone, send))
    seen = []
    for event in (working, reader):
        for _ in range(5):
            await asyncio.sleep(0)
        seen.append((shed.load.open, shed.load.in_flight))
        event.set()
    await task
    assert seen == [(1, 1), (1, 0)]
    assert (shed.load.open, shed.load.in_flight) == (0, 0)


async def test_a_crowd_that_waits_for_one_load_takes_no_places_and_is_answered_when_it_comes(
    call: Any, stage: Any, clock: Any, replying: Any
) -> None:
    loaded = asyncio.Event()

    async def origin(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/crowd":
            with state_of(scope).idle():
                await loaded.wait()
        await replying()(scope, receive, send)

    shed = stage(origin, max_in_flight=20)
    crowd = [asyncio.create_task(call(shed, path="/crowd")) for _ in range(60)]
    await asyncio.sleep(0)
    assert (shed.load.open, shed.load.in_flight) == (0, 0)
    assert (await call(shed)).status == 200
    clock.time += 9.0
    loaded.set()
    assert {answer.status for answer in await asyncio.gather(*crowd)} == {200}
    assert (shed.load.open, shed.load.in_flight, shed.load.idle) == (0, 0, 0)
    assert shed.load.limit.usual == 0.0, "what others had to wait for one load tells nothing of the rest"


async def test_who_gives_up_waiting_for_a_load_leaves_nothing_behind(call: Any, stage: Any) -> None:
    async def origin(scope: Any, receive: Any, send: Any) -> None:
        with state_of(scope).idle():
            await asyncio.Event().wait()

    shed = stage(origin)
    task = asyncio.create_task(call(shed))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (shed.load.open, shed.load.in_flight, shed.load.idle) == (0, 0, 0)
