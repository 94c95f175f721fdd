"""What keeps media: made, counted, thrown away and reaped, over the chosen back ends."""

from collections import Counter
from collections.abc import Awaitable, Callable

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


def keeping(backends: Backends) -> Keeping:
    """What the API works with."""
    quota = Quota(backends.documents)
    making = MediaMaking(backends.documents, backends.objects, quota, backends.clock, backends.images)
    return Keeping(backends.objects, making, quota, _trash(backends, quota)[2], backends.files)


def reaper(
    backends: Backends,
    *,
    grace: float = GRACE_SECONDS,
    dry: bool = False,
    seen: Callable[[int], object] = lambda objects: None,
) -> Reaper:
    """Deletes what nothing needs. `grace` in seconds; `seen` is told how many objects were looked at."""
    quota = Quota(backends.documents)
    claims, removal, trash = _trash(backends, quota)
    return Reaper(backends.documents, backends.objects, backends.clock, claims, quota, removal, trash,
                  grace=grace, dry=dry, seen=seen)  # fmt: skip


def reaping(backends: Backends, log: FilteringBoundLogger) -> Callable[[], Awaitable[None]]:
    """The reaper as a chore: a little at a time, and in the log what it did."""
    rounds = Rounds(backends.documents, backends.clock, lambda: reaper(backends))

    async def reap() -> None:
        if reaped := await rounds.round():
            what = Counter(str(found.what) for found in reaped)
            log.info("media_reaped", **dict(what), objects=sum(found.objects for found in reaped),
                     bytes=sum(found.bytes for found in reaped))  # fmt: skip

    return reap


def _trash(backends: Backends, quota: Quota) -> tuple[Claims, Removal, Trash]:
    claims = Claims(backends.documents, backends.clock)
    removal = Removal(claims, backends.objects, quota)
    return claims, removal, Trash(backends.documents, backends.objects, backends.clock, claims, removal)
