import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from gigaday.api.image_content import image_response, wanted
from gigaday.backends.folder import FolderStore
from gigaday.contracts import ImageSpec, Variant
from gigaday.errors import ApiError, BadRequest, Forbidden, NotFound
from gigaday.rules import presets

MEDIUM = {"filename": "stühle.final.png", "createdAt": "2026-11-24T10:33:32.123Z"}


@pytest.mark.parametrize("signed", [True, False])
def test_a_preset_is_for_anyone(signed):
    assert wanted({"preset": "thumb"}, {}, signed=signed) == presets.BUILT_IN["thumb"]
    assert wanted({"preset": "own"}, {"presets": {"own": {"width": 9}}}, signed=signed) == ImageSpec(width=9)
    with pytest.raises(NotFound, match="thumb"):
        wanted({"preset": "none"}, {}, signed=signed)


def test_parameters_are_for_who_has_a_signature():
    assert wanted({"w": "9"}, {}, signed=True) == ImageSpec(width=9)
    for query in ({"w": "9"}, {}):
        with pytest.raises(Forbidden, match="thumb"):
            wanted(query, {}, signed=False)


def test_a_preset_has_no_parameters():
    with pytest.raises(BadRequest) as refused:
        wanted({"preset": "thumb", "w": "0"}, {}, signed=True)
    assert {fault.pointer for fault in refused.value.errors} == {"?preset", "?w"}
    with pytest.raises(Forbidden):
        wanted({"preset": "thumb", "w": "9"}, {}, signed=False)


class Rendered:
    """`Images` whose renderings are letters that say how they came about."""

    def __init__(self, objects: FolderStore) -> None:
        self._objects = objects
        self.asked: list[tuple[str, bool]] = []

    async def variant(self, document, spec, *, anew=False) -> Variant:
        async def chunks():
            yield b"rendered"

        self.asked.append((spec.format, anew))
        key = f"variants/shop/1z/a/{spec.format}.webp"
        if anew:
            await self._objects.put(key, chunks(), "image/webp")
        return Variant(key, 8, "image/webp", '"tag"')


async def get(tmp_path, spec: ImageSpec, *, always_missing: bool = False, **headers: str):
    objects = FolderStore(tmp_path / "other" if always_missing else tmp_path)
    images = Rendered(FolderStore(tmp_path))

    async def app(scope, receive, send):
        try:
            response = await image_response(Request(scope, receive), MEDIUM, spec, images, objects,
                                            cache_control="public", more={"x-more": "1"})  # fmt: skip
        except ApiError as error:
            response = JSONResponse({"code": error.code}, error.status)
        await response(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.get("/", headers=headers), images


async def test_what_was_remembered_but_is_gone_is_rendered_anew(tmp_path):
    answer, images = await get(tmp_path, ImageSpec(format="webp"))
    assert (answer.status_code, answer.content) == (200, b"rendered")
    assert images.asked == [("webp", False), ("webp", True)]
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''st%C3%BChle.final.webp")
    assert (answer.headers["cache-control"], answer.headers["x-more"], answer.headers["etag"]) == (
        "public",
        "1",
        '"tag"',
    )
    assert "vary" not in answer.headers


async def test_what_stays_away_is_not_found(tmp_path):
    answer, images = await get(tmp_path, ImageSpec(format="webp"), always_missing=True)
    assert answer.status_code == 404 and len(images.asked) == 2


async def test_a_format_left_open_is_settled_with_the_client(tmp_path):
    answer, images = await get(tmp_path, ImageSpec(), accept="image/avif,*/*")
    assert images.asked[0][0] == "avif" and answer.headers["vary"] == "accept"
