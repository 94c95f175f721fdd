"""A medium: a file with what is known about it. Its bytes live in the object store, under a key of the server's."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gigaday.contracts import Collection, Index
from gigaday.contracts.imaging import Focus

MEDIA = Collection(
    "media",
    indexes=(
        Index((("createdBy", 1), ("createdAt", -1), ("_id", -1))),
        Index((("createdBy", 1), ("filename", 1), ("_id", 1))),
        Index((("createdBy", 1), ("sha256", 1))),
        Index((("createdBy", 1), ("storageKey", 1), ("_id", 1))),
    ),
)

TRASH = Collection(
    "trash",
    indexes=(
        Index((("createdBy", 1), ("deletedAt", -1), ("_id", -1))),
        Index((("createdBy", 1), ("expiresAt", 1), ("_id", 1))),
        Index((("createdBy", 1), ("storageKey", 1), ("_id", 1))),
    ),
)
"""Deleted media: the document as it was, with `deletedAt`, and `expiresAt` until when it can be restored."""
GRACE_SECONDS = 7 * 24 * 3600
"""How long a deleted medium can be restored."""

REAPING = Collection("reaping", tenanted=False, expires="expiresAt")
"""Claims of bytes that are about to be deleted (`ops.claims`); `_id` is the digest of their storage key."""

# No separators, no control characters, no bidirectional overrides (`exe.gpj`), not "." or ".."; the end guards
# against a trailing newline, before which `$` would match.
FILENAME_PATTERN = r"^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$(?!\n)"
FILENAME_LENGTH = 255
ALT_LENGTH = 1000

Filename = Annotated[str, Meta(min_length=1, max_length=FILENAME_LENGTH, pattern=FILENAME_PATTERN)]
Alt = Annotated[str, Meta(max_length=ALT_LENGTH)] | None


class MediaPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What a client may change (RFC 7396 at the top level): what is absent stays, null clears `alt` and `focus`."""

    filename: Filename | UnsetType = UNSET
    alt: Alt | UnsetType = UNSET
    focus: Focus | UnsetType | None = UNSET


class Media(msgspec.Struct):
    """A medium as answered: `size` in bytes, `width` and `height` in pixels as displayed (null where unknown). `color`
    (#rrggbb, the dominant one) and `blurhash` stand in for an image until it is there; `focus` is what crops keep.

    The stored document holds `storageKey` besides, which is never answered.
    """

    id: str = msgspec.field(name="_id", default="")
    filename: Filename = "upload"
    alt: Alt = None
    contentType: str = "application/octet-stream"
    size: int = 0
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    color: str | None = None
    blurhash: str | None = None
    focus: Focus | None = None
    status: Literal["ready"] = "ready"
    createdBy: str = ""
    createdAt: str = ""
    updatedAt: str = ""
    version: int = 1


class Trashed(Media):
    """A deleted medium: it can be restored until `expiresAt`."""

    deletedAt: str = ""
    expiresAt: str = ""
