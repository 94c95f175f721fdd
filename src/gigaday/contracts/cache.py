"""What nodes share for their caches: values under tags, and announcements."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec


class Stamped(msgspec.Struct, frozen=True):
    """`value` is None where nothing valid is stored; `stamp` says what was invalidated until now."""

    value: bytes | None
    stamp: bytes


class SharedCache(Protocol):
    """Values under tags, shared by all nodes; any may vanish at any time. Raises BackendDown within its small budget
    of time. A tag begins with its owner's name, up to the first slash (`rules.tags`)."""

    async def get(self, key: str, tags: Sequence[str]) -> Stamped:
        """The value, if none of `tags` (the same as it was stored under) was invalidated since the stamp it was stored
        with; and the stamp to store another with, taken before the value was read."""

    async def set(self, key: str, value: bytes, ttl: float, stamp: bytes) -> None:
        """Keeps `value` for at most `ttl` seconds. No `get` answers it once a tag has been invalidated after `stamp`
        was taken, even where that happened before this call: a slow loader never revives an old value."""

    async def invalidate(self, tags: Sequence[str]) -> None:
        """On return no `get` answers a value stored under an earlier stamp of any of `tags`."""

    async def claim(self, key: str, seconds: float) -> bool:
        """Whether the caller is the only one to hold `key` for that long: the lease of a load across the fleet."""

    async def release(self, key: str) -> None:
        """Ends a claim at once, whoever's it is."""

    async def ping(self) -> None:
        """Really exercises the technology; raises BackendDown."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""


class Bus(Protocol):
    """Announcements to every node, in the order of each publisher, without any promise of delivery."""

    async def publish(self, message: bytes) -> None:
        """Raises BackendDown within its small budget of time; the message may then have gone out or not."""

    def messages(self) -> AsyncIterator[bytes]:
        """What is published from the first step on, one's own included. An empty message says: listening now. Raises
        BackendDown as soon as the connection is known to be lost; the caller listens anew."""

    async def close(self) -> None:
        """Releases connections. No call may follow."""
