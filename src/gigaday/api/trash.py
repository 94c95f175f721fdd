"""The trash: deleted media, to be listed, restored, or removed for good before their time is over."""

from starlette.responses import Response

from gigaday.api import media
from gigaday.api.declaration import Origin, Resource
from gigaday.api.operation import Call, Operation
from gigaday.api.reading import Reading, answer, json_response, tag
from gigaday.api.resource import list_parameters
from gigaday.errors import NotFound
from gigaday.model.media import TRASH, Media, MediaPatch, Trashed
from gigaday.ops.trash import Trash
from gigaday.rules.ids import is_id

RESOURCE = Resource(
    name="trash",
    singular="medium in the trash",
    collection=TRASH,
    create=MediaPatch,
    patch=MediaPatch,
    answer=Trashed,
    filters={"deletedAt": "time", "expiresAt": "time"},
    sorts=("_id", "deletedAt", "expiresAt"),
    example={},
)
_PATH = f"{media.RESOURCE.path}/trash"


def operations(origin: Origin, trash: Trash) -> list[Operation]:
    """List, restore, remove."""
    work = _Work(trash)
    return [
        Operation(
            "GET", _PATH, "list_trash", "List deleted media, a page at a time", Reading(RESOURCE, origin).list,
            "media:read", "media", answer=("page", Trashed), errors=(304,), cost=RESOURCE.list_cost,
            parameters=list_parameters(RESOURCE.listable),
        ),
        Operation(
            "POST", f"{media.RESOURCE.path}/{{id}}/restore", "restore_medium", "Take a deleted medium out of the trash",
            work.restore, "media:write", "media", answer=Media, errors=(404, 409), cost=RESOURCE.write_cost,
            idempotent=True,
        ),
        Operation(
            "DELETE", f"{_PATH}/{{id}}", "remove_medium", "Remove a deleted medium for good, with its bytes",
            work.remove, "media:write", "media", success=204, errors=(404,), cost=RESOURCE.write_cost, idempotent=True,
        ),
    ]  # fmt: skip


class _Work:
    def __init__(self, trash: Trash) -> None:
        self._trash = trash

    async def restore(self, call: Call) -> Response:
        """The medium, as it was but for its version."""
        medium = await self._trash.restore(call.principal.tenant, _id(call))
        return json_response(answer(medium, media.RESOURCE.fields), etag=tag(medium))

    async def remove(self, call: Call) -> Response:
        """Nothing is left to restore."""
        try:
            await self._trash.remove(call.principal.tenant, _id(call))
        except NotFound:
            if not call.retried:  # else it is the first attempt's doing, as far as can be known
                raise
        return Response(status_code=204)


def _id(call: Call) -> str:
    id = call.params["id"]
    if not is_id(id):
        raise NotFound("There is no such medium in the trash.")
    return id
