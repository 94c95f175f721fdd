from typing import Any

from starlette.requests import Request

from gigaday.api.declaration import Origin
from gigaday.api.export import Export
from gigaday.api.operation import Call
from gigaday.api.products import RESOURCE
from gigaday.model.request import Principal


class Counting:
    """A store of one product that counts the pages read from it."""

    pages = 0

    async def page(self, collection: Any, owner: str, query: Any) -> list[dict[str, Any]]:
        self.pages += 1
        return [{"_id": "1", "name": "Stool"}]


async def answer(store: Any, method: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": "/", "query_string": b"format=csv", "headers": [],
             "asgi": {"spec_version": "2.4"}}  # fmt: skip
    call = Call(Request(scope, receive), Principal("t", "acme", frozenset(), "free"), {}, "new")
    response = await Export(RESOURCE, Origin(store, None, b"")).run(call)
    await response(scope, receive, send)
    return sent


async def test_head_tells_the_headers_of_get_and_reads_nothing():
    store = Counting()
    head, get = await answer(store, "HEAD"), await answer(Counting(), "GET")
    assert store.pages == 0
    assert head[0] == get[0]
    assert b"".join(message.get("body", b"") for message in head) == b""
    assert b"Stool" in b"".join(message.get("body", b"") for message in get)
