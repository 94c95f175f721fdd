"""Throwing away what is cached, on every node and in the cache that they share, with a receipt of who has done it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from gigaday.contracts import OPERATOR, Clock, Collection
from gigaday.errors import BackendDown, BadRequest
from gigaday.rules import tags
from gigaday.rules.spelling import nearest

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
R_contra = TypeVar("R_contra", contravariant=True)
WITHIN = 10.0
"""Seconds that a purge waits for each of: hearing all nodes, the shared cache, and every node's acknowledgement."""
_LOOK_SECONDS = 0.02
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SHAPE = "TENANT, TENANT/COLLECTION, TENANT/COLLECTION/ (its lists) or TENANT/COLLECTION/ID"


class Stream(Protocol[R_contra]):
    """The nodes' announcements, as `caching.stream` has them."""

    @property
    def settled(self) -> bool:
        """Whether every live node has been heard."""

    async def start(self) -> None: ...

    async def spread(self, receipt: R_contra, within: float) -> tuple[int, float]:
        """How many nodes, this process included, have processed it; raises TimeoutError."""


class Invalidation(Protocol[R_co]):
    """What drops values everywhere, as `caching.invalidation` has it."""

    def believed(self, tags: Sequence[str]) -> bool:
        """Whether the shared cache is sure to have taken all that was invalidated under `tags`."""

    async def invalidate(self, tags: Sequence[str], *, urgent: bool = False) -> R_co: ...


class Purged(msgspec.Struct, frozen=True):
    """The receipt: `tags` were dropped by the shared cache and by `nodes` nodes, all within `milliseconds`."""

    tags: tuple[str, ...]
    nodes: int
    milliseconds: float


class Purge(Generic[R]):
    """Invalidates, and waits until everybody has it. `stream` is None where nothing is shared."""

    def __init__(
        self,
        invalidation: Invalidation[R],
        stream: Stream[R] | None,
        clock: Clock,
        *,
        within: float = WITHIN,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._invalidation, self._stream = invalidation, stream
        self._monotonic, self._within, self._sleep = clock.monotonic, within, sleep

    async def purge(self, names: Sequence[str]) -> Purged | None:
        """None where no other process has anything to drop. Raises BackendDown, which says what was not reached."""
        stream = self._stream
        if stream is None:
            return None
        await stream.start()
        await self._until(lambda: stream.settled, "Redis does not answer, so that nothing was purged anywhere. "
                          "While it is away, nodes believe what they have cached for a second at most.")  # fmt: skip
        began = self._monotonic()
        receipt = await self._invalidation.invalidate(names, urgent=True)
        await self._until(lambda: self._invalidation.believed(names), "The shared cache was not reached: a part of "
                          "Redis does not answer. Purge again when it does: what it holds may come back.")  # fmt: skip
        try:
            nodes, _ = await stream.spread(receipt, self._within)
        except TimeoutError as error:
            raise BackendDown(
                f"The shared cache is purged, but not every node has acknowledged within {self._within:g} s. "
                "A node that hears nothing believes what it has cached for a second at most."
            ) from error
        return Purged(tuple(names), nodes - 1, round((self._monotonic() - began) * 1000, 1))

    async def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline = self._monotonic() + self._within
        while not condition():
            if self._monotonic() >= deadline:
                raise BackendDown(complaint)
            await self._sleep(_LOOK_SECONDS)


async def purge_cdn(purge: Callable[[Sequence[str]], Awaitable[None]], names: Sequence[str]) -> None:
    """Has the CDN forget. Raises BackendDown, which says what it means that it could not be told."""
    try:
        await purge(names)
    except BackendDown as error:
        raise BackendDown(
            f"The nodes were purged, but the CDN was not: {error}. Purge again once it answers; what it keeps of what "
            "anyone may fetch lives for an hour at most, and files until their links end."
        ) from error


async def outstanding(
    owed: Callable[[], Sequence[str]], attempts: int = 150, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Sequence[str]:
    """What the shared cache has not taken yet, given some seconds to take it."""
    for _ in range(attempts):
        if not owed():
            break
        await sleep(_LOOK_SECONDS)
    return owed()


def checked(tag: str, collections: Sequence[Collection]) -> str:
    """The tag, of one of `collections`. Raises BadRequest, with what a tag looks like, for anything else: it would
    purge nothing and look like success."""
    owner, *rest = tag.split("/")
    if not _NAME.fullmatch(owner) or len(rest) > 2 or not all(_NAME.fullmatch(id) for id in rest[1:] if id):
        raise BadRequest(f"{tag[:100]!r} is no tag; one looks like {SHAPE}, for example acme/products")
    known = sorted(c.name for c in collections if c.tenanted == (owner != OPERATOR))
    if rest and rest[0] not in known:
        meant = nearest(rest[0], known)
        hint = f"did you mean {owner}/{meant}?" if meant else f"known: {', '.join(known)}"
        raise BadRequest(f"{owner} has nothing cached under {rest[0][:100]!r}; {hint}")
    return tag


def tenant_of(tag: str) -> str | None:
    """The tenant that a tag names, or None for what belongs to none."""
    owner = tags.owner_of(tag)
    return None if owner in (tags.ALL, OPERATOR) else owner
