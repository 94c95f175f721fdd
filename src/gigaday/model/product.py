"""A product: what a client may send, and what is answered."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gigaday.contracts import ID_PATTERN, Collection, Index

PRODUCTS = Collection(
    "products",
    indexes=(
        Index((("createdBy", 1), ("createdAt", -1), ("_id", -1))),
        Index((("createdBy", 1), ("updatedAt", -1), ("_id", -1))),
        Index((("createdBy", 1), ("name", 1), ("_id", 1))),
        Index((("createdBy", 1), ("name", 1), ("category", 1))),
        Index((("createdBy", 1), ("category", 1), ("_id", 1))),
        Index((("createdBy", 1), ("price.amount", 1), ("_id", 1))),
        Index((("createdBy", 1), ("sku", 1), ("_id", 1))),
        Index((("createdBy", 1), ("mediaIds", 1)), array=True),
    ),
)

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Category = Annotated[str, Meta(max_length=200)] | None
Description = Annotated[str, Meta(max_length=20_000)] | None
Sku = Annotated[str, Meta(min_length=1, max_length=100)] | None
Status = Literal["active", "draft", "archived"]
Attributes = Annotated[dict[str, Any], Meta(max_length=100, description="At most 64 KiB as JSON.")]
MediaIds = Annotated[list[Annotated[str, Meta(pattern=ID_PATTERN)]], Meta(max_length=100)]


class Price(msgspec.Struct, forbid_unknown_fields=True):
    """`amount` in minor units of an ISO 4217 `currency`: 4900 EUR is 49 euros."""

    amount: Annotated[int, Meta(ge=0, le=10**15)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]


_MOST_ATTRIBUTES_BYTES = 65_536


def _check_size(attributes: dict[str, Any]) -> None:
    """A list answers a hundred products at once: each has to be of a size that a hundred can have."""
    size = len(msgspec.json.encode(attributes))
    if size > _MOST_ATTRIBUTES_BYTES:
        raise ValueError(f"attributes take {size} bytes as JSON, and may take {_MOST_ATTRIBUTES_BYTES}")


class NewProduct(msgspec.Struct, forbid_unknown_fields=True):
    """A product as sent to POST and PUT; `name` alone is required."""

    name: Name
    category: Category = None
    description: Description = None
    sku: Sku = None
    status: Status = "active"
    price: Price | None = None
    attributes: Attributes = {}
    mediaIds: MediaIds = []

    def __post_init__(self) -> None:
        if self.attributes:
            _check_size(self.attributes)


class ProductPatch(msgspec.Struct, forbid_unknown_fields=True):
    """A product as sent to PATCH (RFC 7396 at the top level): what is absent stays, null clears."""

    name: Name | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    sku: Sku | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    price: Price | UnsetType | None = UNSET
    attributes: Attributes | UnsetType = UNSET
    mediaIds: MediaIds | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.attributes:
            _check_size(self.attributes)


class Product(NewProduct):
    """A product as answered."""

    id: str = msgspec.field(name="_id", default="")
    createdBy: str = ""
    createdAt: str = ""
    updatedAt: str = ""
    version: int = 1
