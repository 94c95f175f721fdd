"""Every item of a resource, streamed as JSON lines or CSV."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call
from gigaday.errors import BadRequest, Fault
from gigaday.ops import exporter
from gigaday.rules import listing

_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


class Export:
    """`GET /export` of a resource, in order of `_id`; memory stays bounded whatever the size."""

    def __init__(self, resource: Resource, origin: Origin) -> None:
        self._resource, self._origin = resource, origin

    async def run(self, call: Call) -> Response:
        """The stream. Its first page is read before the answer starts, so that an outage is a 503 and no stub."""
        kind = self._format(call)
        chunks = exporter.export(
            self._origin.documents, self._resource.collection, call.principal.tenant, self._resource.fields, kind
        )
        # HEAD is answered by the headers alone, which need no row.
        body = _nothing() if call.request.method == "HEAD" else _after(await anext(chunks, b""), chunks)
        name = f"{self._resource.name}.{kind}"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return StreamingResponse(body, headers=headers, media_type=_TYPES[kind])

    def _format(self, call: Call) -> str:
        asked = listing.pairs(call.request.scope["query_string"])
        if not asked:
            return "csv" if call.request.headers.get("accept", "").startswith("text/csv") else "jsonl"
        [(name, value), *rest] = asked
        if rest or name != "format" or value not in _TYPES:
            fault = Fault("?format", "must be jsonl or csv, and is the only parameter here")
            raise BadRequest("A parameter is not valid.", errors=[fault])
        return value


async def _nothing() -> AsyncIterator[bytes]:
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
