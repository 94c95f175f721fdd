import asyncio
from typing import Any

import pytest

from gigaday.backends.folder import FolderStore
from gigaday.contracts import Described, Focus, ImageSpec
from gigaday.errors import Invalid, NotFound, UnsupportedMediaType
from gigaday.imaging.pool import Pool
from gigaday.imaging.source import Sources
from gigaday.imaging.variants import StoredImages
from tests import pictures
from tests.simulation.coherence_world import SimulatedShared, now
from tests.unit.caching.fleet import Steady

KEY = "media/shop/1z/01z-aa"
SPEC = ImageSpec(width=30, height=20, format="webp")


async def chunks(data: bytes):
    yield data


class Place:
    """A store with a picture in it, and nodes that render from there."""

    def __init__(self, store: FolderStore, pool: Pool) -> None:
        self.store, self.pool = store, pool

    def node(self, **more: Any) -> StoredImages:
        return StoredImages(self.store, self.pool, Sources(self.store, self.store), **more)

    async def put(self, data: bytes, **more: Any) -> dict[str, Any]:
        await self.store.put(KEY, chunks(data), "image/png")
        return {"_id": "01z", "storageKey": KEY, "size": len(data), "contentType": "image/png", **more}

    async def stored(self) -> list[str]:
        return sorted([found.key async for found in self.store.list("variants/")])


@pytest.fixture(scope="module")
async def pool():
    pool = Pool()
    yield pool
    await pool.close()


@pytest.fixture
def place(tmp_path, pool):
    return Place(FolderStore(tmp_path), pool)


async def test_a_rendering_lies_beside_its_original_under_its_own_name(place):
    document, images = await place.put(pictures.png(pictures.quarters(90, 60))), place.node()
    found = await images.variant(document, SPEC)
    assert found.key == "variants/shop/1z/01z-aa/w30-h20-cover-f50x50-q80.webp"
    assert (found.content_type, found.size) == ("image/webp", await place.store.size(found.key))
    image = pictures.opened(b"".join([chunk async for chunk in place.store.read(found.key, 0, found.size)]))
    assert (image.width, image.height) == (30, 20)


async def test_it_is_rendered_once_by_however_many_it_is_asked(place):
    document, images = await place.put(pictures.png(pictures.quarters(90, 60))), place.node()
    found = await asyncio.gather(*(images.variant(document, SPEC) for _ in range(50)))
    assert len(set(found)) == 1 and images.rendered == 1
    after = place.node()
    assert await after.variant(document, SPEC) == found[0] and after.rendered == 0
    assert await images.variant(document, ImageSpec(width=15, height=10, dpr=2, format="webp")) == found[0]


async def test_what_was_seen_once_is_believed_until_told_otherwise(place):
    document, images = await place.put(pictures.png(pictures.quarters(90, 60))), place.node()
    found = await images.variant(document, SPEC)
    await place.store.delete(found.key)
    assert await images.variant(document, SPEC) == found and images.rendered == 1
    assert await images.variant(document, SPEC, anew=True) == found and images.rendered == 2
    assert await place.stored() == [found.key]


async def test_the_mediums_focal_point_makes_another_rendering(place):
    document, images = await place.put(pictures.png(pictures.quarters(90, 60))), place.node()
    centre = await images.variant(document, SPEC)
    left = await images.variant({**document, "focus": {"x": 0, "y": 0.5}}, SPEC)
    same = await images.variant(document, ImageSpec(width=30, height=20, format="webp", focus=Focus(0, 0.5)))
    assert left == same != centre


async def test_a_format_left_open_is_found_again_whichever_it_was(place):
    opaque = await place.put(pictures.png(pictures.quarters(90, 60)))
    assert (await place.node().variant(opaque, ImageSpec(width=9))).content_type == "image/jpeg"
    clear = await place.put(pictures.png(pictures.plain(90, 60, (1, 2, 3, 9))))
    made = await place.node().variant(clear, ImageSpec(width=8))
    assert made.content_type == "image/png"
    again = place.node()
    assert await again.variant(clear, ImageSpec(width=8)) == made and again.rendered == 0


async def test_what_is_no_image_is_refused_unread(place):
    document = await place.put(b"<svg xmlns='http://www.w3.org/2000/svg'/>", contentType="image/svg+xml")
    with pytest.raises(UnsupportedMediaType, match=r"svg.*image/jpeg"):
        await place.node().variant(document, SPEC)


async def test_what_is_too_large_is_refused_unread(place):
    document = await place.put(pictures.png(pictures.plain(4, 4)))
    with pytest.raises(Invalid, match="bytes"):
        await place.node().variant({**document, "size": 1 << 40}, SPEC)


async def test_what_cannot_be_rendered_is_tried_once(place):
    document, images = await place.put(pictures.bomb_png(), width=30_000), place.node()
    before = place.pool.started
    for _ in range(5):
        with pytest.raises(Invalid, match="30000 x 30000"):
            await images.variant(document, SPEC)
    assert place.pool.started <= before + 1
    assert await place.stored() == []


@pytest.mark.parametrize("local", [True, False])
async def test_bytes_that_are_gone_are_not_found(place, local):
    document = await place.put(pictures.png(pictures.plain(4, 4)))
    await place.store.delete(KEY)
    images = StoredImages(place.store, place.pool, Sources(place.store, place.store if local else None))
    with pytest.raises(NotFound):
        await images.variant(document, SPEC)


async def test_of_a_fleet_one_renders(place):
    document, shared = await place.put(pictures.png(pictures.quarters(90, 60))), SimulatedShared(Steady())
    nodes = [place.node(shared=shared) for _ in range(4)]
    found = await asyncio.gather(*(node.variant(document, SPEC) for node in nodes))
    assert len(set(found)) == 1 and sum(node.rendered for node in nodes) == 1


async def test_who_waits_for_a_node_that_fails_renders_itself(place):
    document, shared = await place.put(b"damaged"), SimulatedShared(Steady())
    nodes = [place.node(shared=shared) for _ in range(3)]
    async with asyncio.timeout(15):  # a claim that was not given back would last longer
        found = await asyncio.gather(*(node.variant(document, SPEC) for node in nodes), return_exceptions=True)
    assert [type(one) for one in found] == [Invalid] * 3


async def test_without_the_shared_cache_all_render(place):
    document, shared = await place.put(pictures.png(pictures.quarters(90, 60))), SimulatedShared(Steady())
    shared.down.until = now() + 60
    images = place.node(shared=shared)
    await images.variant(document, SPEC)
    assert images.rendered == 1


async def test_a_picture_is_described(place):
    document = await place.put(pictures.png(pictures.plain(90, 60)))
    found = await place.node().describe(KEY, "image/png", document["size"])
    assert (found.color, found.width, found.height) == ("#dc1e1e", 90, 60) and found.blurhash


@pytest.mark.parametrize(("data", "kind"), [
    (b"%PDF-", "application/pdf"), (b"damaged", "image/png"), (pictures.bomb_gif(), "image/gif"),
])  # fmt: skip
async def test_what_cannot_be_described_is_not(place, data, kind):
    document = await place.put(data)
    assert await place.node().describe(KEY, kind, document["size"]) == Described()


async def test_neither_is_what_is_gone_or_while_too_many_wait(place, tmp_path):
    assert await place.node().describe("media/shop/1z/gone", "image/png", 9) == Described()
    document = await place.put(pictures.png(pictures.plain(90, 60)))
    full = StoredImages(place.store, Pool(waiting=0), Sources(place.store, place.store))
    assert await full.describe(KEY, "image/png", document["size"]) == Described()


async def test_a_full_disk_is_told_and_nothing_half_is_left(place):
    document, images = await place.put(pictures.png(pictures.quarters(90, 60))), place.node()
    folder = place.store.file(KEY).parents[3]
    (folder / "variants").write_bytes(b"")  # where a folder should be
    with pytest.raises(Exception, match="folder"):
        await images.variant(document, SPEC)
    (folder / "variants").unlink()
    await images.variant(document, SPEC)
    assert len(await place.stored()) == 1
