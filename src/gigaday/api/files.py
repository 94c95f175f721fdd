"""`/files`: media without a token, by links that name the exact bytes; what a CDN keeps and browsers show.

Of a tenant that publishes its catalogue the originals and named renderings are there for anyone; everything else needs
a link that was signed (`api.links`). Whatever may not be had answers as if it were not there.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from gigaday.api.content import original, stored_response
from gigaday.api.image_content import PRESET, image_response, wanted
from gigaday.api.operation import PUBLIC, Call, Operation, Parameter
from gigaday.contracts import OPERATOR, Clock, Document, Images, ImageSpec, LocalFiles, ObjectStore
from gigaday.errors import NotFound, ObjectMissing
from gigaday.model.media import MEDIA
from gigaday.model.tenant import TENANTS, publishes
from gigaday.ops.remembered import Readable
from gigaday.rules import image_spec, links, tags
from gigaday.rules.ids import is_id
from gigaday.rules.links import Checked

_FOR_EVER = 31_536_000
"""Seconds that caches may keep what can never change: a year, by custom."""


class Delivering(msgspec.Struct, frozen=True):
    """What files are delivered with. `key` signs links; `tagged` says that a CDN is told what answers depend on."""

    documents: Readable
    objects: ObjectStore
    images: Images
    clock: Clock
    key: bytes
    files: LocalFiles | None = None
    tagged: bool = False


def operations(with_: Delivering) -> list[Operation]:
    """The one path."""
    return [
        Operation(
            "GET", f"{links.BASE}/{{tenant}}/{{id}}/{{sha256}}/{{filename}}", "deliver_file",
            "Fetch a file by a link", FileWork(with_).deliver, PUBLIC, "delivery", answer_types=("*/*",),
            errors=(206, 304, 400, 403, 404, 415, 416), streams=True, parameters=_PARAMETERS,
        )
    ]  # fmt: skip


_PARAMETERS = (
    Parameter(PRESET, {"type": "string"}, "A rendering by its name."),
    *(Parameter(name, {"type": "string"}, "Of a rendering; only in a signed link.") for name in image_spec.NAMES),
    Parameter(links.EXPIRES, {"type": "integer"}, "Until when a signed link holds, in epoch seconds."),
    Parameter(links.SIGNATURE, {"type": "string"}, "Proves that the link was made here."),
)


class FileWork:
    """What `/files` does."""

    def __init__(self, with_: Delivering) -> None:
        self._with = with_

    async def deliver(self, call: Call) -> Response:
        """The original or a rendering. Raises Forbidden for a signature that is wrong or has expired, NotFound."""
        request, tenant = call.request, call.params["tenant"]
        checked = links.check(request.scope["path"], request.scope["query_string"], self._with.key, self._now())
        settings = await self._settings(tenant, checked)
        document = await self._document(call)
        if not checked.signed and call.params["filename"] != document["filename"]:
            return _moved(links.unsigned(links.path_of(document), checked.query.items()))
        headers = self._told(tenant, document)
        return await self._answer(call, document, _rendering(checked, settings), self._lifetime(checked), headers)

    async def _settings(self, tenant: str, checked: Checked) -> dict[str, Any]:
        """The tenant's. Raises NotFound where it shows nothing to who proves nothing, or is suspended."""
        found = await self._with.documents.get(TENANTS, OPERATOR, tenant)
        if found is None or found["status"] != "active" or not (checked.signed or publishes(found)):
            raise _missing()
        return dict(found["settings"])

    async def _document(self, call: Call) -> Document:
        id = call.params["id"]
        found = await self._with.documents.get(MEDIA, call.params["tenant"], id) if is_id(id) else None
        if found is None or found["sha256"] != call.params["sha256"]:
            raise _missing()
        return found

    async def _answer(
        self, call: Call, document: Document, spec: ImageSpec | None, cache_control: str, headers: dict[str, str]
    ) -> Response:
        with_ = self._with
        if spec is not None:
            return await image_response(
                call.request, document, spec, with_.images, with_.objects, with_.files,
                cache_control=cache_control, more=headers,
            )  # fmt: skip
        try:
            return await stored_response(
                call.request, original(document), with_.objects, with_.files, cache_control=cache_control, more=headers
            )
        except ObjectMissing as error:
            raise _missing() from error

    def _lifetime(self, checked: Checked) -> str:
        """No longer than the link itself holds."""
        seconds = _FOR_EVER
        if checked.expires is not None:
            seconds = min(seconds, max(0, int(checked.expires - self._now())))
        return f"public, max-age={seconds}, immutable, no-transform"

    def _told(self, tenant: str, document: Document) -> dict[str, str]:
        """What caches and pages of any origin are told: whoever has the link may have the file."""
        told = {"access-control-allow-origin": "*"}
        if self._with.tagged:
            under = tags.of_item(tenant, MEDIA.name, document["_id"])
            told["surrogate-key"] = " ".join(tags.of_public(tenant, under))
        return told

    def _now(self) -> float:
        return self._with.clock.now()


def _rendering(checked: Checked, settings: dict[str, Any]) -> ImageSpec | None:
    """What is asked for, None being the original; raises as `wanted`."""
    return wanted(checked.query, settings, signed=checked.signed) if checked.query else None


def _moved(path: str) -> Response:
    """The file is named otherwise now: one name alone is kept by caches."""
    return Response(status_code=308, headers={"location": path, "cache-control": "no-store"})


def _missing() -> NotFound:
    return NotFound("There is no such file.")
