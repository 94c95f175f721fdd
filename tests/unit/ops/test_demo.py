from gigaday.backends.clock import SystemClock
from gigaday.backends.folder import FolderStore
from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import Query
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS
from gigaday.ops.demo import PRODUCT_COUNT, TENANT, Demo
from gigaday.ops.tenancy import Tenancy


async def test_the_demo_is_made_once_and_keeps_its_token(tmp_path):
    documents, objects = SqliteStore.open(tmp_path / "d.sqlite"), FolderStore(tmp_path / "objects")
    clock = SystemClock()
    tenancy = Tenancy(documents, clock, environment="test", pepper=b"p", resources=["products"])
    demo = Demo(documents, objects, tenancy, clock, tmp_path / "demo.token")
    first = await demo.ensure()
    assert await demo.ensure() == first
    assert await tenancy.holds(first)
    assert (tmp_path / "demo.token").stat().st_mode & 0o077 == 0
    products = await documents.page(PRODUCTS, TENANT, Query(limit=1000))
    assert len(products) == PRODUCT_COUNT
    media = await documents.page(MEDIA, TENANT, Query(limit=1000))
    assert {id for product in products for id in product["mediaIds"]} == {medium["_id"] for medium in media}
    for medium in media:
        assert await objects.size(medium["storageKey"]) == medium["size"]
    await documents.close()
