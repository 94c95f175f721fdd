from typing import Any

import pytest

from gigaday.edge.problems import Stage
from gigaday.errors import (
    ApiError,
    BackendDown,
    BackendFull,
    BackendReadOnly,
    Fault,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
    Unavailable,
)


@pytest.fixture
def stage(log: Any) -> Any:
    return lambda app: Stage(app, log=log.logger)


async def test_tells_of_an_error_as_a_problem_document(call: Any, stage: Any, raising: Any) -> None:
    answer = await call(stage(raising(NotFound("No product x"))))
    assert answer.status == 404
    assert answer.get("content-type") == "application/problem+json"
    assert answer.get("content-length") == str(len(answer.body))
    assert answer.json() == {
        "type": "/docs/errors/not_found",
        "title": "There is no such thing here",
        "status": 404,
        "detail": "No product x",
        "code": "not_found",
        "request_id": "r-1",
    }


async def test_names_every_fault(call: Any, stage: Any, raising: Any) -> None:
    answer = await call(stage(raising(Invalid(errors=[Fault("/name", "is missing"), Fault("/sku", "is empty")]))))
    assert answer.json()["errors"] == [
        {"pointer": "/name", "detail": "is missing"},
        {"pointer": "/sku", "detail": "is empty"},
    ]


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (Unauthenticated(), "www-authenticate", 'Bearer realm="gigaday"'),
        (Unavailable(retry_after=7), "retry-after", "7"),
        (MethodNotAllowed(headers={"Allow": "GET"}), "allow", "GET"),
    ],
)
async def test_sends_the_headers_of_the_error(
    call: Any, stage: Any, raising: Any, error: ApiError, name: str, value: str
) -> None:
    assert (await call(stage(raising(error)))).get(name) == value


async def test_an_outage_is_503_and_names_no_back_end(call: Any, stage: Any, raising: Any, log: Any) -> None:
    answer = await call(stage(raising(BackendDown("mongo-7 refused"))))
    assert (answer.status, answer.get("retry-after")) == (503, "1")
    assert b"mongo" not in answer.body
    assert log.lines[0]["reason"] == "mongo-7 refused"


async def test_a_store_that_takes_no_writes_is_told_as_read_only(call: Any, stage: Any, raising: Any) -> None:
    answer = await call(stage(raising(BackendReadOnly("mongodb://user:secret@host failed"))))
    assert (answer.status, answer.json()["code"], answer.get("retry-after")) == (503, "read_only", "1")
    assert answer.get("x-degraded") == "read_only"
    assert "mongodb" not in answer.body.decode()


async def test_a_full_store_is_507(call: Any, stage: Any, raising: Any) -> None:
    assert (await call(stage(raising(BackendFull())))).status == 507


async def test_a_bug_is_a_logged_500_without_its_detail(call: Any, stage: Any, raising: Any, log: Any) -> None:
    answer = await call(stage(raising(KeyError("pepper"))))
    assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert b"pepper" not in answer.body
    assert log.lines[0]["request_id"] == "r-1"
    assert "KeyError" in log.lines[0]["exception"]


async def test_head_has_no_body(call: Any, stage: Any, raising: Any) -> None:
    answer = await call(stage(raising(NotFound())), method="HEAD")
    assert (answer.status, answer.body, answer.ended) == (404, b"", True)
    assert int(answer.get("content-length") or 0) > 0


async def test_a_started_answer_is_broken_off(call: Any, stage: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    with pytest.raises(ValueError):
        await call(stage(app))


async def test_a_client_that_leaves_is_no_error(call: Any, stage: Any, log: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if (await receive())["type"] == "http.disconnect":
            raise RuntimeError("the client disconnected")

    # 4xx, so that clients who leave do not look like a failing service.
    assert (await call(stage(app), gone=True)).status == 400
    assert [line["level"] for line in log.lines] == ["info"]


async def test_a_connection_lost_while_answering_is_no_error(stage: Any, replying: Any, call: Any, log: Any) -> None:
    answer = await call(replying())

    async def send(message: Any) -> None:
        raise BrokenPipeError

    await stage(replying())(answer.scope, None, send)
    assert [line["level"] for line in log.lines] == ["info"]


async def test_passes_lifespan_on(lifespan: Any, stage: Any) -> None:
    assert await lifespan(stage)
