"""What keeps media: made, counted, thrown away and reaped, over the chosen back ends."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from structlog.typing import FilteringBoundLogger

from gigaday.api.media import Keeping
from gigaday.compose.backends import Backends
from gigaday.ops.claims import Claims
from gigaday.ops.media_making import MediaMaking
from gigaday.ops.quota import Quota
from gigaday.ops.reaper import GRACE_SECONDS, Reaper
from gigaday.ops.reaping import Rounds
from gigaday.ops.removal import Removal
from gigaday.ops.trash import Trash
from gigaday.ops.uploads import Uploads
from gigaday.rules.storage_keys import storage_key


def keeping(backends: Backends) -> Keeping:
    """What the API works with."""
    parts = _parts(backends)
    making = MediaMaking(backends.documents, backends.objects, parts.quota, backends.clock, backends.images)
    return Keeping(backends.objects, making, parts.quota, parts.trash, parts.uploads, backends.files)


def reaper(
    backends: Backends,
    *,
    grace: float = GRACE_SECONDS,
    dry: bool = False,
    seen: Callable[[int], object] = lambda objects: None,
) -> Reaper:
    """Deletes what nothing needs. `grace` in seconds; `seen` is told how many objects were looked at."""
    parts = _parts(backends)
    return Reaper(backends.documents, backends.objects, backends.clock, parts.claims, parts.uploads, parts.removal,
                  parts.trash, grace=grace, dry=dry, seen=seen)  # fmt: skip


def reaping(backends: Backends, log: FilteringBoundLogger) -> Callable[[], Awaitable[None]]:
    """The reaper as a chore: a little at a time, and in the log what it did."""
    rounds = Rounds(backends.documents, backends.clock, lambda: reaper(backends))

    async def reap() -> None:
        if reaped := await rounds.round():
            what = Counter(str(found.what) for found in reaped)
            log.info("media_reaped", **dict(what), objects=sum(found.objects for found in reaped),
                     bytes=sum(found.bytes for found in reaped))  # fmt: skip

    return reap


class _Parts(NamedTuple):
    quota: Quota
    claims: Claims
    removal: Removal
    trash: Trash
    uploads: Uploads


def _parts(backends: Backends) -> _Parts:
    documents, objects, clock = backends.documents, backends.objects, backends.clock
    quota, claims = Quota(documents), Claims(documents, clock)
    removal = Removal(claims, objects, quota)
    trash = Trash(documents, objects, clock, claims, removal)
    return _Parts(quota, claims, removal, trash, Uploads(documents, objects, clock, quota, removal, storage_key))
