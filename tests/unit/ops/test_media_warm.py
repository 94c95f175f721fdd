import asyncio

import pytest

from gigaday.contracts import ImageSpec
from gigaday.errors import Invalid, Unavailable
from gigaday.ops.media_warm import Warm
from tests.unit.ops.kept_media import TENANT

PRESETS = {"open": ImageSpec(width=100), "fixed": ImageSpec(width=200, format="png")}


class Renders:
    """`Images` that note what is asked for; of "broken.png" they make nothing."""

    def __init__(self, error=None):
        self.asked, self.running, self.most, self._error = [], 0, 0, error or Invalid("it is damaged")

    async def variant(self, document, spec):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        self.asked.append((document["_id"], spec.width, spec.format))
        if document["filename"] == "broken.png":
            raise self._error


async def pictures(kept, *names: str):
    return [(await kept.uploaded(name.encode(), filename=name, contentType="image/png"))["_id"] for name in names]


async def test_every_image_is_rendered_in_every_preset_and_format(kept):
    made = await pictures(kept, "a.png", "b.png")
    await kept.uploaded(b"text")
    images, seen = Renders(), []
    warm = Warm(kept.documents, images, 2, lambda: seen.append(1))
    assert await warm.count(TENANT) == 2
    warmed = await warm.run(TENANT, PRESETS, ["avif", "webp"])
    assert (warmed.images, warmed.renderings, warmed.faults) == (2, 6, [])
    assert set(images.asked) == {
        (id, width, format) for id in made for width, format in ((100, "avif"), (100, "webp"), (200, "png"))
    }
    assert len(seen) == 6


async def test_no_more_are_rendered_at_once_than_asked(kept):
    await pictures(kept, *(f"{number}.png" for number in range(10)))
    images = Renders()
    warmed = await Warm(kept.documents, images, 3).run(TENANT, PRESETS)
    assert (images.most, warmed.images) == (3, 10)


async def test_what_cannot_be_rendered_is_named_and_the_rest_goes_on(kept):
    broken, _ = await pictures(kept, "broken.png", "good.png")
    warmed = await Warm(kept.documents, Renders(), 1).run(TENANT, PRESETS, ["webp"])
    assert [(fault.id, fault.filename, fault.preset, fault.detail) for fault in warmed.faults] == [
        (broken, "broken.png", "open", "it is damaged"),
        (broken, "broken.png", "fixed", "it is damaged"),
    ]
    assert warmed.renderings == 2


async def test_overload_ends_it(kept):
    await pictures(kept, "broken.png", "good.png")
    with pytest.raises(Unavailable):
        await Warm(kept.documents, Renders(Unavailable("too many wait")), 1).run(TENANT, PRESETS)
