"""GET and HEAD alone, with the allowed methods named."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from gigaday.api.readonly import readonly
from gigaday.errors import MethodNotAllowed


async def hello(request: Request) -> Response:
    return Response(b"hello", media_type="text/plain")


@pytest.fixture
def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=[readonly("/x", hello)]))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_get_answers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/x")).text == "hello"


async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/x")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_other_methods_are_refused_with_allow(client: httpx.AsyncClient, method: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        await client.request(method, "/x")
    assert refused.value.headers["Allow"] == "GET, HEAD"
