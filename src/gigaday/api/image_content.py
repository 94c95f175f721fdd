"""A rendering of a medium: which one a query asks for, and the answer that it is."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gigaday.api.content import PRIVATE, Stored, stored_response
from gigaday.contracts import Document, Images, ImageSpec, LocalFiles, ObjectStore, Variant
from gigaday.errors import Forbidden, NotFound, ObjectMissing
from gigaday.rules import http_dates, image_spec, presets

PRESET = "preset"


def wanted(query: Mapping[str, str], settings: Mapping[str, Any], *, signed: bool) -> ImageSpec:
    """What is asked for of the tenant with these settings: by its name or, if `signed`, by its parameters. Unsigned
    ones would have caches filled, and nodes kept rendering, with what nobody needs.

    Raises NotFound where there is no such preset, Forbidden, and BadRequest with every fault.
    """
    if set(query) == {PRESET}:
        return presets.find(query[PRESET], settings)
    if not signed:
        known = ", ".join(presets.of(settings))
        raise Forbidden(f"Without a signature there are presets alone: ?{PRESET}= with one of {known}.")
    return image_spec.parse(query.items())


async def image_response(
    request: Request,
    document: Document,
    spec: ImageSpec,
    images: Images,
    objects: ObjectStore,
    files: LocalFiles | None = None,
    *,
    cache_control: str = PRIVATE,
    more: Mapping[str, str] | None = None,
) -> Response:
    """The answer to GET or HEAD with the rendering that `spec` says, as `stored_response`; an "auto" format is settled
    with the client. Raises what `Images.variant` does."""
    headers = dict(more or {})
    if spec.format == "auto":
        headers["vary"] = ", ".join(filter(None, (headers.get("vary"), "accept")))
        spec = image_spec.negotiated(spec, ",".join(request.headers.getlist("accept")))
    for anew in (False, True):
        variant = await images.variant(document, spec, anew=anew)
        try:
            return await stored_response(
                request, _stored(document, variant), objects, files, cache_control=cache_control, more=headers
            )
        except ObjectMissing:  # what was remembered has been deleted since
            continue
    raise NotFound("The content of this medium is gone.")


def _stored(document: Document, variant: Variant) -> Stored:
    stem = document["filename"].rpartition(".")[0] or document["filename"]
    return Stored(
        variant.key, variant.size, variant.content_type, variant.etag, http_dates.from_time(document["createdAt"]),
        f"{stem}.{variant.key.rpartition('.')[2]}",
    )  # fmt: skip
