"""The browsable docs: complete, cached, and without a request to anywhere else."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from gigaday.api import docs
from gigaday.api.error_texts import kinds
from gigaday.errors import NotFound

OPENAPI = b'{"openapi":"3.1.0"}'


@pytest.fixture
def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=docs.routes(OPENAPI)))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_the_description_is_served_and_revalidated(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/openapi.json")
    assert (answer.content, answer.headers["content-type"]) == (OPENAPI, "application/json")
    again = await client.get("/api/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_viewer_loads_only_from_this_node(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        assert (await client.get(address)).status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src 'self';" in page.headers["content-security-policy"]


async def test_assets_are_immutable_and_typed(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    (script,) = re.findall(r'src="([^"]+bundle\.js)"', page.text)
    answer = await client.get(script)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["index.html", "..%2f__init__.py", "nothing.js"])
async def test_nothing_but_the_known_assets_is_served(client: httpx.AsyncClient, name: str) -> None:
    page = await client.get("/docs")
    (style,) = re.findall(r'href="([^"]+\.css)"', page.text)
    answer_or_error: object
    try:
        answer_or_error = (await client.get(style.rsplit("/", 1)[0] + "/" + name)).status_code
    except NotFound:
        answer_or_error = 404
    assert answer_or_error == 404


@pytest.mark.parametrize("code", [kind.code for kind in kinds()])
async def test_every_error_code_has_a_page(client: httpx.AsyncClient, code: str) -> None:
    page = await client.get(f"/docs/errors/{code}")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert f"<code>{code}</code>" in page.text


async def test_an_unknown_code_is_not_found(client: httpx.AsyncClient) -> None:
    with pytest.raises(NotFound):
        await client.get("/docs/errors/%3Cscript%3E")
