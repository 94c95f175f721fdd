"""What is worth telling a CDN that takes money for it."""

from collections.abc import Sequence
from typing import Any

from gigaday.caching.cdn_purge import CdnPurge
from gigaday.caching.published_tags import PublishedTags
from gigaday.contracts import Collection
from gigaday.errors import BackendDown
from tests.unit.caching.test_cdn_purge import PAUSE, Edge, until


class Tenants:
    """Of two tenants one publishes; `asked` is how often they were looked up."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.down = False

    async def get_many(self, collection: Collection, owner: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        assert (collection.name, owner) == ("tenants", "operator")
        self.asked.append(ids)
        if self.down:
            raise BackendDown("down")
        known = {"open": {"publish": True}, "shut": {}}
        return {id: {"_id": id, "status": "active", "settings": known[id]} for id in ids if id in known}


async def test_products_of_who_publishes_nothing_are_not() -> None:
    tenants = Tenants()
    tags = (
        "open/products/p",
        "shut/products/p",
        "shut/products/",
        "shut/products",
        "gone/products/p",
        "open/products/",
    )
    assert await PublishedTags(tenants).among(tags) == ("open/products/p", "open/products/")
    assert tenants.asked == [["gone", "open", "shut"]]


async def test_media_and_tenants_are_as_links_to_them_may_be_out() -> None:
    tenants = Tenants()
    tags = ("shut/media/m", "operator/tenants/shut", "shut", "*")
    assert await PublishedTags(tenants).among(tags) == tags
    assert tenants.asked == []


async def test_everything_is_where_nobody_can_tell() -> None:
    tenants = Tenants()
    tenants.down = True
    assert await PublishedTags(tenants).among(["shut/products/p"]) == ("shut/products/p",)


async def test_an_edge_is_told_only_of_what_is() -> None:
    edge = Edge()
    purge = CdnPurge(edge.purge, pause=PAUSE, echoes=(), worth=PublishedTags(Tenants()).among)
    purge.heed(["shut/products/p"])
    purge.heed(["open/products/p"])
    await until(lambda: purge.owed == 0)
    assert edge.told == [("open/products/p",)]
    await purge.close()
