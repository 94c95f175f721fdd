"""The Redis Cluster is lost or not to be trusted: its backup instead, or the database alone; and looser limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gigaday.errors import BackendDown
from gigaday.ops.runbook import Step, Unneeded
from gigaday.ops.runbook_modes import ModeSteps, stricter

NAME = "cache"
BACKUP, DATABASE_ONLY, LIMITS = "switch to the backup cluster", "degrade to the database alone", "loosen limits"
Answers = Callable[[], Awaitable[None]]
"""Raises BackendDown where it does not."""


@dataclass(frozen=True)
class Redis:
    """`shared`: whether nodes share a cache at all; `backup` asks the backup cluster, where there is one; with
    `abandoned` neither is to be used."""

    shared: bool
    backup: Answers | None
    abandoned: bool = False

    async def may_use_backup(self) -> None:
        """Raises Unneeded where it cannot be, or is not to be."""
        self._check_shared()
        if self.abandoned:
            raise Unneeded("the database alone was asked for")
        if lacking := await self._lacking():
            raise Unneeded(lacking)

    async def may_use_none(self) -> None:
        """Raises Unneeded where there is a better way."""
        self._check_shared()
        if not self.abandoned and not await self._lacking():
            raise Unneeded("the backup cluster answers")

    def _check_shared(self) -> None:
        if not self.shared:
            raise Unneeded("nodes share no cache here: REDIS_CLUSTER_URLS is not set")

    async def _lacking(self) -> str:
        """What keeps the backup from being used."""
        if self.backup is None:
            return "there is no backup cluster: REDIS_BACKUP_URLS is not set"
        try:
            await self.backup()
        except BackendDown as error:
            return f"the backup cluster does not answer: {error}"
        return ""


def steps(modes: ModeSteps, redis: Redis, limits: float = 2.0) -> list[Step]:
    """The last of them multiplies every quota by `limits`."""
    return [
        modes.step(
            BACKUP,
            "Nodes share a cache again; it begins empty, and is read once every node has followed.",
            lambda known: {"cache": "backup"},
            redis.may_use_backup,
        ),
        modes.step(
            DATABASE_ONLY,
            "No node waits for Redis any more: each has its own memory, for a second, and else the database.",
            lambda known: {"cache": "off"},
            redis.may_use_none,
        ),
        modes.step(
            LIMITS,
            "Each node keeps limits for its own share, unevenly loaded: callers within their quota would be refused.",
            stricter(limits=limits),
        ),
    ]
