"""What a resource is, declared, and what its handlers work with."""

from typing import Any

import msgspec

from gigaday.contracts import Clock, Collection, DocumentStore
from gigaday.rules.listing import Kind, Listable

BASE = "/api/v1"
PUBLISHED = f"{BASE}/public"
"""Where catalogues are that their tenants publish."""


class Resource(msgspec.Struct, frozen=True):
    """What a resource is; routes, checks, OpenAPI, limits and cursors follow from it.

    `create` and `patch` are what a client may send (PUT takes `create`), `answer` is what it gets. `filters` and
    `sorts` name dotted fields, each backed by an index of `collection`. `references` maps an array field to the
    collection that its ids must exist in. Costs are in tokens of the caller's bucket.
    """

    name: str
    singular: str
    collection: Collection
    create: type[msgspec.Struct]
    patch: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    filters: dict[str, Kind]
    sorts: tuple[str, ...]
    example: dict[str, Any]
    references: dict[str, Collection] = {}
    list_cost: int = 2
    write_cost: int = 2
    export_cost: int = 50
    cache_seconds: float = 3_600.0

    @property
    def path(self) -> str:
        return f"{BASE}/{self.name}"

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of an answer's fields, in order."""
        names = (field.encode_name for field in msgspec.structs.fields(self.answer))
        return ("_id", *(name for name in names if name != "_id"))

    @property
    def listable(self) -> Listable:
        return Listable(self.filters, self.sorts, self.fields)


class Origin(msgspec.Struct, frozen=True):
    """What handlers work with. `cursor_key` signs cursors."""

    documents: DocumentStore
    clock: Clock
    cursor_key: bytes
    batch_bytes: int = 8 << 20
