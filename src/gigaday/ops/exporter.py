"""A tenant's documents as a stream of JSON lines or CSV, a page of the store at a time."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec

from gigaday.contracts import Collection, Document, DocumentStore, Query
from gigaday.rules import tabular

PAGE = 1_000


async def export(
    store: DocumentStore,
    collection: Collection,
    tenant: str,
    fields: Sequence[str],
    format: str,
    *,
    on_rows: Callable[[int], None] = lambda count: None,
) -> AsyncIterator[bytes]:
    """Chunks of whole lines ("jsonl" or "csv") in the order of `_id`, of these `fields` alone.

    `on_rows` hears how many rows each chunk adds. A page is read only when the one before has been taken, so memory
    stays at one page. What is written meanwhile may or may not be in; nothing is there twice. Raises BackendDown.
    """
    columns = tabular.columns(fields)
    # The header goes out with the first page, so that an outage shows before anything is sent.
    header = _csv([columns]) if format == "csv" else b""
    async for page in _pages(store, collection, tenant):
        rows = _csv(tabular.flatten(one, columns) for one in page) if format == "csv" else _json_lines(page, fields)
        yield header + rows
        header = b""
        on_rows(len(page))
    if header:
        yield header


async def _pages(store: DocumentStore, collection: Collection, tenant: str) -> AsyncIterator[list[Document]]:
    query = Query(limit=PAGE)
    while page := await store.page(collection, tenant, query):
        yield page
        if len(page) < PAGE:
            return
        last = page[-1]["_id"]
        query = msgspec.structs.replace(query, after=(last, last))


def _json_lines(page: list[Document], fields: Sequence[str]) -> bytes:
    rows = ({name: document[name] for name in fields if name in document} for document in page)
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
