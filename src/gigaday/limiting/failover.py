"""Shared buckets that take over from each other."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gigaday.contracts import Grant, Policy, SharedBuckets
from gigaday.errors import BackendDown


class Breaker(Protocol):
    """Keeps requests from waiting on what is known to be down."""

    def allows(self) -> bool:
        """Whether to call now."""

    def succeeded(self) -> None: ...

    def failed(self) -> None: ...


class Guarded(NamedTuple):
    """Shared buckets and the breaker in front of them."""

    buckets: SharedBuckets
    breaker: Breaker


class Failover:
    """`SharedBuckets`: the first that answers, in the order given, and the earlier ones again as soon as they do.

    Each of them fills up by itself, so that while they alternate, each may add its own quota to what a window admits;
    a worker that knows how much is left has a bucket begin with that.
    """

    def __init__(self, tiers: Sequence[Guarded]) -> None:
        self._tiers = tuple(tiers)
        self.answered = [0] * len(self._tiers)
        """How often each tier did."""

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        for at, (buckets, breaker) in enumerate(self._tiers):
            if not breaker.allows():
                continue
            try:
                grant = await buckets.lease(key, policy, least, most, start)
            except BackendDown:
                breaker.failed()
                continue
            breaker.succeeded()
            self.answered[at] += 1
            return grant
        raise BackendDown("no shared buckets answer")

    async def ping(self) -> None:
        """Of the first, whatever the breaker says: a probe is how it is known to be down."""
        await self._tiers[0].buckets.ping()

    async def close(self) -> None:
        for buckets, _ in self._tiers:
            await buckets.close()
