"""A tenant: the owner of a catalogue. Its id is the `createdBy` of everything it owns."""

from typing import Annotated, Any, Literal

import msgspec

from gigaday.contracts import Collection, Document, Index

TENANTS = Collection("tenants", tenanted=False, indexes=(Index((("createdAt", -1),)),))

TenantId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)", max_length=63)]
Status = Literal["active", "suspended"]


class NewTenant(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator sends."""

    id: TenantId
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    plan: str = "free"
    status: Status = "active"
    settings: dict[str, Any] = {}


def publishes(tenant: Document) -> bool:
    """Whether anyone may read the catalogue of this stored tenant."""
    return tenant["status"] == "active" and tenant["settings"].get("publish") is True
