"""Looks for what is wrong before it hurts; every fault comes with its mend."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gigaday.contracts import Collection
from gigaday.errors import BackendError
from gigaday.ops.health import safe

MOST_SKEW = 1.0
LEAST_FREE = 1 << 30


class Finding(msgspec.Struct, frozen=True):
    """What one check found; `mend` is empty where `ok`."""

    check: str
    ok: bool
    detail: str
    mend: str = ""


class IndexState(Protocol):
    """An index that should be there; `state` is "missing" where it is not."""

    @property
    def collection(self) -> str: ...
    @property
    def index(self) -> str: ...
    @property
    def state(self) -> str: ...


class Database(Protocol):
    """What a database tells of itself; any call may raise BackendDown."""

    async def server_time(self) -> float:
        """Its clock, in epoch seconds."""

    def indexes(self, collections: Sequence[Collection], *, dry_run: bool) -> AsyncIterator[IndexState]:
        """The state of every index that should be there."""

    async def replica_status(self) -> list[str]:
        """Warnings about its replica set, each with its mend."""


def check_folder(folder: Path) -> list[Finding]:
    """Whether `folder` can be written and its disk has space."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = f"Give the user {os.geteuid()} the right to write there, or name another folder."
        return [Finding("data folder", False, f"{folder}: {error.strerror}", mend)]
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {folder}"
    space = Finding(
        "disk space", free >= LEAST_FREE, found, "" if free >= LEAST_FREE else "Make space: keep 1 GiB free."
    )
    return [Finding("data folder", True, f"{folder} can be written"), space]


async def check_reachable(pings: Mapping[str, Callable[[], Awaitable[None]]]) -> list[Finding]:
    """Whether each back end answers."""
    return [await _ping(name, ping) for name, ping in pings.items()]


async def _ping(name: str, ping: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await ping()
    except BackendError as error:
        mend = f"See that the {name} runs and that its address and credentials in the settings are right."
        return Finding(name, False, safe(str(error)), mend)
    return Finding(name, True, "answers")


async def check_database(
    database: Database, collections: Sequence[Collection], now: Callable[[], float]
) -> list[Finding]:
    """The database's clock, indexes and replica set."""
    try:
        skew = await database.server_time() - now()
        states = [state async for state in database.indexes(collections, dry_run=True)]
        warnings = await database.replica_status()
    except BackendError as error:
        return [Finding("database state", False, safe(str(error)), "Mend the connection first.")]
    return [_clock(skew), _indexes(states), _replica_set(warnings)]


def _clock(skew: float) -> Finding:
    ok = abs(skew) <= MOST_SKEW
    mend = "" if ok else "Run a time service (chrony, systemd-timesyncd) on this machine and on the database's."
    return Finding("clocks", ok, f"the database's clock is {skew:+.3f} s from this machine's", mend)


def _indexes(states: Sequence[IndexState]) -> Finding:
    missing = [f"{state.collection}.{state.index}" for state in states if state.state == "missing"]
    if not missing:
        return Finding("indexes", True, "all there")
    return Finding("indexes", False, f"missing: {', '.join(missing)}", "gigaday db indexes")


def _replica_set(warnings: Sequence[str]) -> Finding:
    if not warnings:
        return Finding("replica set", True, "can lose a member")
    return Finding("replica set", False, "; ".join(warnings), "Change its members as said, with rs.reconfig().")
