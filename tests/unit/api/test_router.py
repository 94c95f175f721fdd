import pytest
from starlette.responses import Response

from gigaday.api.idempotency import Idempotency
from gigaday.api.operation import OPERATOR, PUBLIC, Operation
from gigaday.api.router import Router, authorize, no_such_path
from gigaday.api.traits import Traits
from gigaday.errors import Forbidden, MethodNotAllowed, NotFound, Unauthenticated
from gigaday.model.request import KEY, Principal, RequestState

TENANT = Principal("t", "acme", frozenset({"x:read"}), "free")


async def echo(call):
    return Response(call.params.get("id", "none"))


def operation(method: str, path: str, scope: str = PUBLIC, **more) -> Operation:
    return Operation(method, path, "name", "summary", echo, scope, "tag", **more)


OPERATIONS = [
    operation("GET", "/api/v1/x", cost=2),
    operation("POST", "/api/v1/x", body_cap=99),
    operation("GET", "/api/v1/x/export", streams=True),
    operation("GET", "/api/v1/x/{id}"),
    operation("GET", "/api/v1/x/{id}/content"),
    operation("OPTIONS", "/api/v1/y/{id}"),
]


@pytest.fixture
def router():
    return Router(OPERATIONS, Idempotency(None, None), lambda: "new", no_such_path)


async def answer(router, method: str, path: str) -> tuple[int, bytes]:
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"",
             KEY: RequestState("r", 0.0, principal=TENANT)}  # fmt: skip
    await router(scope, None, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def test_a_fixed_path_goes_before_a_pattern(router):
    assert await answer(router, "GET", "/api/v1/x/export") == (200, b"none")
    assert await answer(router, "GET", "/api/v1/x/abc") == (200, b"abc")
    assert await answer(router, "GET", "/api/v1/x/abc/content") == (200, b"abc")


async def test_head_is_served_as_get_and_options_tells_what_there_is(router):
    assert (await answer(router, "HEAD", "/api/v1/x"))[0] == 200
    assert (await answer(router, "OPTIONS", "/api/v1/x"))[0] == 204
    assert (await answer(router, "OPTIONS", "/api/v1/y/7")) == (200, b"7")  # an operation of its own


async def test_another_method_is_told_which_would_do(router):
    with pytest.raises(MethodNotAllowed) as caught:
        await answer(router, "DELETE", "/api/v1/x")
    assert caught.value.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("path", ["/", "", "/api/v1/y", "/api/v1/x/", "/api/v1/x/a/b", "/api/v1/x/a/content/"])
async def test_another_path_is_not_found_or_an_empty_id(router, path):
    if path == "/api/v1/x/":
        assert await answer(router, "GET", path) == (200, b"")
        return
    with pytest.raises(NotFound):
        await answer(router, "GET", path)


def test_a_scope_is_needed():
    assert authorize(TENANT, "x:read") is TENANT
    with pytest.raises(Forbidden):
        authorize(TENANT, "x:write")
    with pytest.raises(Forbidden):
        authorize(TENANT, OPERATOR)
    with pytest.raises(Unauthenticated):
        authorize(None, "x:read")


def test_an_operator_is_no_tenant():
    operator = Principal("o", "", frozenset(), "unlimited", operator=True)
    assert authorize(operator, OPERATOR) is operator
    with pytest.raises(Forbidden):
        authorize(operator, "x:read")


def test_limits_follow_from_the_declarations(router):
    traits = Traits(router, 1000)
    assert (traits.cost("GET", "/api/v1/x"), traits.cost("GET", "/api/v1/x/1"), traits.cost("GET", "/n")) == (2, 1, 1)
    assert (traits.body_cap("POST", "/api/v1/x"), traits.body_cap("PUT", "/api/v1/x")) == (99, 1000)
    assert traits.streams("HEAD", "/api/v1/x/export") and not traits.streams("GET", "/api/v1/x")
    asked = [("GET", "/livez"), ("POST", "/api/v1/x"), ("GET", "/api/v1/x/1"), ("GET", "/api/v1/x")]
    assert [traits.priority(*one) for one in asked] == ["health", "write", "read", "list"]
    assert traits.priority("OPTIONS", "/api/v1/y/7") == "read"
