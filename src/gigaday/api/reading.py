"""Reading a resource: one item, or a page of them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call
from gigaday.contracts import Document, Filter
from gigaday.errors import NotFound
from gigaday.rules import cursors, listing
from gigaday.rules.ids import is_id
from gigaday.rules.listing import ListRequest

_PAGE_BYTES = 4 << 20
"""A page of items so large that they pass this has fewer of them than was asked for."""


def answer(document: Document, fields: tuple[str, ...]) -> dict[str, Any]:
    """What a caller sees of a document: the declared fields, in order, and nothing else."""
    return {name: document.get(name) for name in fields}


def tag(document: Document, fields: tuple[str, ...] = ()) -> str:
    """The strong ETag of an item: of its version, and of the fields chosen."""
    chosen = "." + hashlib.sha256(",".join(fields).encode()).hexdigest()[:8] if fields else ""
    return f'"{document["_id"]}.{document["version"]}{chosen}"'


def json_response(value: Any, *, etag: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that is private to the caller."""
    return _told(msgspec.json.encode(value), etag=etag, status=status, headers=headers)


def _told(body: bytes, *, etag: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    headers = {"cache-control": "private, no-cache", **(headers or {})}
    if etag:
        headers["etag"] = etag
    return Response(body, status, headers, "application/json")


async def existing(resource: Resource, origin: Origin, call: Call) -> Document:
    """The item that the path names. Raises NotFound, alike for ids that are missing, foreign or no ids at all."""
    id = call.params["id"]
    found = await origin.documents.get(resource.collection, call.principal.tenant, id) if is_id(id) else None
    if found is None:
        raise NotFound(f"There is no such {resource.singular}.")
    return found


class Reading:
    """`GET` of a resource; `only` are equalities that hold for every item that is there."""

    def __init__(self, resource: Resource, origin: Origin, *, only: tuple[Filter, ...] = ()) -> None:
        self._resource, self._origin, self._only = resource, origin, only
        self._listable, self._fields = resource.listable, resource.fields

    async def read(self, call: Call) -> Response:
        """One item."""
        chosen = listing.parse_fields(call.request.scope["query_string"], self._listable)
        document = await existing(self._resource, self._origin, call)
        if any(inner(document, needed.field) != needed.value for needed in self._only):
            raise NotFound(f"There is no such {self._resource.singular}.")
        return json_response(answer(document, self._shown(chosen)), etag=tag(document, chosen))

    async def list(self, call: Call) -> Response:
        """A page: one item more than asked is fetched, to know whether there is a next page."""
        tenant = call.principal.tenant
        asked = listing.parse(
            call.request.scope["query_string"], self._listable, (tenant, self._resource.name), self._origin.cursor_key
        )
        query = msgspec.structs.replace(
            asked.query, limit=asked.query.limit + 1, filters=(*asked.query.filters, *self._only)
        )
        found = await self._origin.documents.page(self._resource.collection, tenant, query)
        page = found[: asked.query.limit]
        body = self._page(asked, page, more=len(found) > len(page))
        if len(body) > _PAGE_BYTES and (few := _fitting(page, self._shown(asked.fields))) < len(page):
            body = self._page(asked, page[:few], more=True)
        return _told(body, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def _page(self, asked: ListRequest, page: Sequence[Document], *, more: bool) -> bytes:
        shown = self._shown(asked.fields)
        following = self._cursor(asked, page[-1]) if more else None
        return msgspec.json.encode({"data": [answer(document, shown) for document in page], "next": following})

    def _shown(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f for f in self._fields if f == "_id" or f in chosen) if chosen else self._fields

    def _cursor(self, asked: ListRequest, last: Document) -> str:
        value = inner(last, asked.query.sort)
        return cursors.make((value, last["_id"]), asked.question, self._origin.cursor_key)


def _fitting(page: list[Document], fields: tuple[str, ...]) -> int:
    """For how many items, one at least, an answer has room."""
    room = _PAGE_BYTES
    for count, document in enumerate(page):
        room -= len(msgspec.json.encode(answer(document, fields)))
        if room < 0:
            return max(1, count)
    return len(page)


def inner(document: Document, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
