"""An upload under way: it becomes a medium under the same id once its bytes are all there and as promised."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gigaday.contracts import Collection, Index
from gigaday.model.media import Alt, Filename

UPLOADS = Collection(
    "uploads",
    indexes=(
        Index((("createdBy", 1), ("createdAt", -1), ("_id", -1))),
        Index((("createdBy", 1), ("expiresAt", 1), ("_id", 1))),
    ),
)

KEPT_SECONDS = 24 * 3600
"""How long an upload that nobody goes on with is kept."""
MOST_PARTS_AT_ONCE = 100

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)")]
ContentType = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.+-]{0,126}/[a-z0-9][a-z0-9.+-]{0,126}$(?!\n)")]
PartNumber = Annotated[int, Meta(ge=1, le=10_000)]


class NewUpload(msgspec.Struct, forbid_unknown_fields=True):
    """What a client promises that sends the bytes to the store itself: `size` in bytes, `sha256` in hex."""

    filename: Filename
    size: Annotated[int, Meta(ge=1)]
    sha256: Sha256
    contentType: ContentType
    alt: Alt = None


class WantedPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part to be signed; with `sha256` (hex) the store refuses any other bytes."""

    number: PartNumber
    sha256: Sha256 | None = None


class WantedParts(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for: parts that are to be sent next."""

    parts: Annotated[list[WantedPart], Meta(min_length=1, max_length=MOST_PARTS_AT_ONCE)]


class Signed(msgspec.Struct):
    """A request that stores bytes, to be sent with exactly these headers."""

    method: str
    url: str
    headers: dict[str, str]


class PlannedPart(msgspec.Struct):
    """A piece of the file: `size` bytes from `offset`."""

    number: int
    size: int
    offset: int


class SignedPart(Signed):
    """The request that stores one part."""

    number: int = 1
    size: int = 0


class SignedParts(msgspec.Struct):
    """The requests that were asked for."""

    parts: list[SignedPart]
    expiresAt: str


class Upload(msgspec.Struct):
    """An upload as answered: `offset` of `size` bytes are safe (null where the store alone knows). The stored document
    holds `growth`, `storageKey`, `holder` and `heldUntil` besides, which are never answered."""

    id: str = msgspec.field(name="_id", default="")
    kind: Literal["tus", "put", "parts"] = "tus"
    filename: Filename = "upload"
    alt: Alt = None
    contentType: str | None = None
    size: int = 0
    sha256: str | None = None
    offset: int | None = 0
    partSize: int | None = None
    status: Literal["pending", "ready"] = "pending"
    createdBy: str = ""
    createdAt: str = ""
    expiresAt: str | None = None
    version: int = 1


class DirectUpload(msgspec.Struct):
    """What to send where: `put` is the one request, or `parts` are those to have signed at `sign`; then POST to
    `commit`."""

    id: str = msgspec.field(name="_id")
    kind: Literal["put", "parts"]
    commit: str
    expiresAt: str
    put: Signed | None = None
    parts: list[PlannedPart] | None = None
    partSize: int | None = None
    sign: str | None = None
