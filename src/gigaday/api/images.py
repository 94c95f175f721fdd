"""`GET /media/{id}/image`: a medium in another size or format."""

from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from gigaday.api.declaration import BASE
from gigaday.api.files import Delivering
from gigaday.api.image_content import PRESET, image_response, wanted
from gigaday.api.operation import Call, Operation, Parameter
from gigaday.contracts import OPERATOR, Document
from gigaday.errors import NotFound
from gigaday.model.media import MEDIA
from gigaday.model.tenant import TENANTS
from gigaday.rules import image_spec, links, presets
from gigaday.rules.ids import is_id

_NUMBER = {"type": "number"}
_PARAMETERS = (
    Parameter(PRESET, {"type": "string", "example": "thumb"},
              f"A rendering by its name: {', '.join(presets.BUILT_IN)}, or one of `settings.presets` of the tenant."),
    Parameter("w", {"type": "integer"}, "Width in pixels; this and what follows needs a signature."),
    Parameter("h", {"type": "integer"}, "Height in pixels."),
    Parameter("fit", {"type": "string"}, "cover, contain, inside, outside or fill, where both are given."),
    Parameter("format", {"type": "string"}, "auto (as `Accept` has it), webp, avif, jpeg or png."),
    Parameter("q", {"type": "integer"}, "Quality of a lossy format, from 1 to 100."),
    Parameter("dpr", _NUMBER, "Multiplies width and height: from 1 to 4."),
    Parameter("fx", _NUMBER, "The focal point of a crop, from 0 (left) to 1."),
    Parameter("fy", _NUMBER, "The same, from 0 (top) to 1."),
    Parameter(links.EXPIRES, {"type": "integer"}, "As in the link from `POST /media/{id}/links`."),
    Parameter(links.SIGNATURE, {"type": "string"}, "The same."),
)  # fmt: skip


def operations(with_: Delivering) -> list[Operation]:
    """The one route."""
    return [
        Operation("GET", f"{BASE}/media/{{id}}/image", "render_medium", "Download an image in another size",
                  ImageWork(with_).image, "media:read", "media", answer_types=tuple(image_spec.CONTENT_TYPES.values()),
                  errors=(206, 304, 400, 403, 404, 415, 416, 422, 503), parameters=_PARAMETERS, streams=True),
    ]  # fmt: skip


class ImageWork:
    """What the route does."""

    def __init__(self, with_: Delivering) -> None:
        self._with = with_

    async def image(self, call: Call) -> Response:
        """The rendering."""
        medium, settings = await self._found(call)
        # What is signed for one way to the medium is for the other as well.
        path, query = unquote(links.path_of(medium)), call.request.scope["query_string"]
        followed = links.check(path, query, self._with.key, self._with.clock.now())
        spec = wanted(followed.query, settings, signed=followed.signed)
        return await image_response(call.request, medium, spec, self._with.images, self._with.objects, self._with.files)

    async def _found(self, call: Call) -> tuple[Document, dict[str, Any]]:
        """The medium, and its tenant's settings. Raises NotFound."""
        owner, id = call.principal.tenant, call.params["id"]
        medium = await self._with.documents.get(MEDIA, owner, id) if is_id(id) else None
        tenant = await self._with.documents.get(TENANTS, OPERATOR, owner)
        if medium is None or tenant is None:
            raise NotFound("There is no such medium.")
        return medium, tenant["settings"]
