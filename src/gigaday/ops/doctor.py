"""Looks for what is wrong before it hurts; every fault comes with its mend."""

import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gigaday.errors import BackendError
from gigaday.ops.health import safe
from gigaday.rules.replica_set import Member, spare, write_majority

MOST_SKEW = 1.0
LEAST_FREE = 1 << 30


class Finding(msgspec.Struct, frozen=True):
    """What one check found; `mend` is empty where `ok`."""

    check: str
    ok: bool
    detail: str
    mend: str = ""


class DatabaseFacts(Protocol):
    """What a database tells of itself; any call may raise BackendDown."""

    async def server_time(self) -> float:
        """Its clock, in epoch seconds."""

    async def missing_indexes(self) -> Sequence[str]:
        """The indexes that should be there and are not, as `collection (fields)`."""

    async def members(self) -> Sequence[Member]:
        """The members of its replica set; empty where there is none or it is behind a router."""


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


async def check_database(facts: DatabaseFacts, now: Callable[[], float]) -> list[Finding]:
    """The database's clock, indexes and replica set."""
    try:
        skew = await facts.server_time() - now()
        missing = await facts.missing_indexes()
        members = await facts.members()
    except BackendError as error:
        return [Finding("database state", False, safe(str(error)), "Mend the connection first.")]
    return [_clock(skew), _indexes(missing), *([_replica_set(members)] if members else [])]


def _clock(skew: float) -> Finding:
    ok = abs(skew) <= MOST_SKEW
    mend = "" if ok else "Run a time service (chrony, systemd-timesyncd) on this machine and on the database's."
    return Finding("clocks", ok, f"the database's clock is {skew:+.3f} s from this machine's", mend)


def _indexes(missing: Sequence[str]) -> Finding:
    if not missing:
        return Finding("indexes", True, "all there")
    return Finding("indexes", False, "missing: " + "; ".join(missing), "gigaday db indexes")


def _replica_set(members: Sequence[Member]) -> Finding:
    dead = [member.host for member in members if not member.alive]
    left = spare(members)
    gone = f"; down: {', '.join(dead)}" if dead else ""
    detail = f"{len(members)} members, {write_majority(members)} must hold a write, can lose {max(left, 0)} more{gone}"
    if left > 0 and not dead:
        return Finding("replica set", True, detail)
    mend = "Bring back what is down." if dead else "Add a data-bearing member, or replace the arbiter by one."
    return Finding("replica set", False, detail, mend)
