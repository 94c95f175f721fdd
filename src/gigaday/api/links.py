"""`POST /media/{id}/links`: a link to a medium or a rendering of it, for whoever has no token."""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta
from starlette.responses import Response

from gigaday.api.content import content_type_of
from gigaday.api.files import Delivering
from gigaday.api.image_content import PRESET
from gigaday.api.media import RESOURCE
from gigaday.api.operation import Call, Operation
from gigaday.api.reading import json_response
from gigaday.api.writing import json_body
from gigaday.contracts import OPERATOR, Cdn, Delivery, Document
from gigaday.contracts.imaging import Fit, Focus, Format, ImageSpec, Pixels
from gigaday.errors import Conflict, Invalid, NotFound
from gigaday.model.media import MEDIA
from gigaday.model.tenant import TENANTS, publishes
from gigaday.rules import disposition, image_spec, links, presets, sniff, times
from gigaday.rules.ids import is_id

LONGEST_SECONDS = 7 * 24 * 3_600
_USUAL = tuple((name, getattr(ImageSpec(), name)) for name in ImageSpec.__struct_fields__)
"""Of a rendering; what is said but changes nothing is left out of links, so that these repeat."""


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is linked: the original, a `preset`, or a rendering that the other fields say. `expiresIn`, in seconds, is
    for what not everyone may see; a link ends up to an hour later. `cookies` has the answer set cookies that open every
    original of the tenant, which the short `url` then needs."""

    preset: str | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    fit: Fit = "cover"
    format: Format = "auto"
    quality: Annotated[int, Meta(ge=1, le=100)] | None = None
    dpr: Annotated[float, Meta(ge=1, le=4)] = 1.0
    focus: Focus | None = None
    expiresIn: Annotated[int, Meta(ge=1, le=LONGEST_SECONDS)] = 3_600
    cookies: bool = False


class Link(msgspec.Struct):
    """`url` is a path on this service where there is no CDN; `expiresAt` is null for what is public."""

    url: str
    expiresAt: str | None


class Cookies(Protocol):
    """A CDN that opens stored objects to whoever has its cookies."""

    def bare(self, delivery: Delivery) -> str:
        """The address of a stored object, which opens nothing by itself."""

    def cookies(self, path: str, expires: int) -> dict[str, str]:
        """By name, those that open everything under `path`, which ends with a wildcard, until `expires` (epoch
        seconds)."""


def operations(with_: Delivering, cdn: Cdn, cookies: Cookies | None = None) -> list[Operation]:
    """The one route; `cookies` where the CDN takes them."""
    return [
        Operation(
            "POST", f"{RESOURCE.path}/{{id}}/links", "link_medium", "Make a link to a file, or to a rendering of it",
            LinkWork(with_, cdn, cookies).link, "media:read", "media", body=LinkRequest, example={"preset": "small"},
            answer=Link, errors=(404, 409),
        )
    ]  # fmt: skip


class LinkWork:
    """What the route does."""

    def __init__(self, with_: Delivering, cdn: Cdn, cookies: Cookies | None) -> None:
        self._with, self._cdn, self._cookies = with_, cdn, cookies

    async def link(self, call: Call) -> Response:
        """The link. Raises NotFound for a medium or a preset that is not there, Invalid where the medium cannot be
        rendered, Conflict where no cookies could open it."""
        asked = msgspec.convert(await json_body(call, LinkRequest), LinkRequest)
        tenant, medium = await self._found(call)
        query = _query(asked, tenant)
        if query and medium["contentType"] not in image_spec.SOURCES:
            raise Invalid(f"A medium of the type {medium['contentType']} cannot be rendered.")
        if publishes(tenant) and (not query or asked.preset is not None):
            path, expires = links.unsigned(links.path_of(medium), query), None
        else:
            expires = links.expiry(self._with.clock.now(), asked.expiresIn)
            path = links.sign(links.path_of(medium), query, self._with.key, expires=expires)
        delivery = _delivery(path, medium, expires, whole=not query)
        return self._opened(delivery, tenant["_id"]) if asked.cookies else _told(self._cdn.link(delivery), expires)

    def _opened(self, delivery: Delivery, tenant: str) -> Response:
        """With cookies, for pages that show many originals. They are for what CloudFront takes from the bucket."""
        if self._cookies is None or delivery.key is None or delivery.expires is None:
            raise Conflict("Cookies open originals that not everyone may see, and only where CloudFront delivers them.")
        response = _told(self._cookies.bare(delivery), delivery.expires)
        path = f"/media/{tenant}/"
        age = int(delivery.expires - self._with.clock.now())
        for name, value in self._cookies.cookies(f"{path}*", delivery.expires).items():
            response.set_cookie(name, value, max_age=age, path=path, secure=True, httponly=True)
        return response

    async def _found(self, call: Call) -> tuple[Document, Document]:
        """The caller's tenant and the medium."""
        owner, id = call.principal.tenant, call.params["id"]
        medium = await self._with.documents.get(MEDIA, owner, id) if is_id(id) else None
        tenant = await self._with.documents.get(TENANTS, OPERATOR, owner)
        if medium is None or tenant is None:
            raise NotFound("There is no such medium.")
        return tenant, medium


def _told(url: str, expires: int | None) -> Response:
    return json_response(Link(url, None if expires is None else times.text(expires)))


def _query(asked: LinkRequest, tenant: Document) -> list[tuple[str, str]]:
    """Raises NotFound for a preset that is none, Invalid where more is said beside it, or too much."""
    spec = ImageSpec(**{name: value for name, usual in _USUAL if (value := getattr(asked, name)) != usual})
    if asked.preset is not None:
        presets.find(asked.preset, tenant["settings"])
        if spec != ImageSpec():
            raise Invalid("Name a preset or say the rendering, not both.")
        return [(PRESET, asked.preset)]
    if faults := list(image_spec.too_large(spec, {"width": "/width", "height": "/height"})):
        raise Invalid("The rendering is too large.", errors=faults)
    return image_spec.to_query(spec)


def _delivery(path: str, medium: Document, expires: int | None, *, whole: bool) -> Delivery:
    return Delivery(
        path,
        content_type_of(medium["contentType"]),
        disposition.header(medium["filename"], inline=sniff.is_inline_safe(medium["contentType"])),
        medium["storageKey"] if whole else None,
        expires,
    )
