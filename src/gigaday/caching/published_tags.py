"""Which tags are worth telling a CDN for money: not those of catalogues that nobody publishes."""

from collections.abc import Sequence
from typing import Protocol

from gigaday.contracts import OPERATOR, Collection, Document
from gigaday.errors import BackendDown
from gigaday.model.product import PRODUCTS
from gigaday.model.tenant import TENANTS, publishes
from gigaday.rules import tags as tag_names


class Documents(Protocol):
    """Where tenants are."""

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, Document]:
        """Those that exist. Raises BackendDown."""


class PublishedTags:
    """Asks for the tenants of many tags at once."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def among(self, tags: Sequence[str]) -> tuple[str, ...]:
        """Those of `tags` under which anything can be kept; all of them where that cannot be told. A tenant that ceases
        to publish needs none of its products' tags: the change is a tag itself."""
        owners = sorted({tag_names.owner_of(tag) for tag in tags if _is_of_products(tag)})
        if not owners:
            return tuple(tags)
        try:
            found = await self._documents.get_many(TENANTS, OPERATOR, owners)
        except BackendDown:
            return tuple(tags)
        public = {id for id, tenant in found.items() if publishes(tenant)}
        return tuple(tag for tag in tags if not _is_of_products(tag) or tag_names.owner_of(tag) in public)


def _is_of_products(tag: str) -> bool:
    return tag.split("/")[1:2] == [PRODUCTS.name]
