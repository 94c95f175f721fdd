from typing import Any

import pytest

from gigaday.edge.counters import BOUNDS, Counters
from gigaday.edge.observe import Stage
from gigaday.model.request import Principal, state_of


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def stage(clock: Any, counters: Counters, log: Any) -> Any:
    return lambda app: Stage(app, clock=clock, counters=counters, new_id=lambda: "made", log=log.logger)


async def test_names_the_request_and_the_server(call: Any, stage: Any, replying: Any) -> None:
    app = stage(replying(headers=[("Server", "framework/1.2"), ("X-Powered-By", "x"), ("etag", '"a"')]))
    answer = await call(app)
    assert answer.headers == [("etag", '"a"'), ("x-request-id", "made"), ("server", "gigaday")]


@pytest.mark.parametrize(
    ("given", "used"),
    [("abc-1._Z", "abc-1._Z"), ("a" * 64, "a" * 64), ("a" * 65, "made"), ("a b", "made"), ("", "made"), ("é", "made")],
)
async def test_takes_over_only_a_harmless_request_id(
    call: Any, stage: Any, replying: Any, given: str, used: str
) -> None:
    answer = await call(stage(replying()), headers=[("x-request-id", given)])
    assert answer.get("x-request-id") == used


async def test_adds_the_headers_that_stages_left_in_the_state(call: Any, stage: Any, replying: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        state_of(scope).headers.append((b"ratelimit", b"x"))
        await replying()(scope, receive, send)

    answer = await call(stage(app))
    assert answer.get("ratelimit") == "x"
    assert (await call(stage(replying()))).get("ratelimit") is None


async def test_counts_statuses_latency_and_what_is_in_flight(
    call: Any, stage: Any, replying: Any, counters: Counters, clock: Any
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert counters.in_flight == 1
        clock.time += 0.03
        await replying(status=201)(scope, receive, send)

    await call(stage(app))
    assert counters.in_flight == 0
    assert counters.statuses == {201: 1}
    assert counters.latency[BOUNDS.index(0.05)] == sum(counters.latency) == 1
    assert counters.seconds == pytest.approx(0.03)


async def test_counts_a_broken_answer_as_aborted(call: Any, stage: Any, raising: Any, counters: Counters) -> None:
    with pytest.raises(ZeroDivisionError):
        await call(stage(raising(ZeroDivisionError())))
    assert (counters.in_flight, counters.aborted) == (0, 1)


async def test_logs_one_line_without_secrets(call: Any, stage: Any, replying: Any, log: Any, clock: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        state_of(scope).principal = Principal("tok1", "acme", frozenset(), "free")
        state_of(scope).client = "192.0.2.1"
        clock.time += 0.25
        await replying(b"12345")(scope, receive, send)

    await call(stage(app), query=b"token=hush", headers=[("authorization", "Bearer hush"), ("cookie", "hush")])
    assert log.lines == [
        {
            "event": "request",
            "level": "info",
            "request_id": "made",
            "method": "GET",
            "path": "/things",
            "status": 200,
            "complete": True,
            "bytes": 5,
            "ms": 250.0,
            "client": "192.0.2.1",
            "tenant": "acme",
            "token": "tok1",
        }
    ]
    assert "hush" not in log.written.getvalue()


@pytest.mark.parametrize("path", ['/a\n{"event":"forged"}', "/\x1b[2J", "/\udcff\u2028", '/"', "/" + "x" * 100_000])
async def test_no_path_forges_or_floods_the_log(call: Any, stage: Any, replying: Any, log: Any, path: str) -> None:
    await call(stage(replying()), method="G\nET", path=path)
    assert len(log.lines) == 1
    assert log.lines[0]["method"] == "?"
    assert log.lines[0]["path"].isprintable() and log.lines[0]["path"].isascii()
    assert len(log.written.getvalue()) < 2_000


async def test_passes_lifespan_on(lifespan: Any, stage: Any) -> None:
    assert await lifespan(stage)
