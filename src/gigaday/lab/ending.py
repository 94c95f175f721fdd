"""Ends exactly the processes that a laboratory's folder names, whoever started them and however that one ended."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterable

from gigaday.lab import process
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.waiting import taken

GRACE = 5.0


def down(lab: Lab, *, keep: bool = False, grace: float = GRACE) -> int:
    """How many processes were ended. SIGTERM, after `grace` seconds SIGKILL; their files go too, unless `keep`.

    Raises LabError where a process or a port is left.
    """
    members = list(lab.members.values())
    families = {member.name: process.family(member.identity) for member in members}
    _terminate(members)
    _wait(members, grace)
    for member in members:
        member.kill()
    _check([member for member in members if families[member.name]])
    lab.forget()
    if not keep:
        _clear(lab, members)
    return sum(map(len, families.values()))


def _terminate(members: Iterable[Member]) -> None:
    for member in members:
        if member.state() != "dead":
            process.send(member.identity, signal.SIGCONT)
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGTERM)


def _wait(members: Iterable[Member], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(member.state() != "dead" for member in members) and time.monotonic() < deadline:
        time.sleep(0.02)


def _check(members: Iterable[Member]) -> None:
    left = [f"process {pid} of {member.name}" for member in members for pid in process.family(member.identity)]
    left += [f"port {port} of {one.name}" for one in members for port in set(one.ports.values()) if taken(port)]
    if left:
        raise LabError("these are left: " + ", ".join(left))


def _clear(lab: Lab, members: Iterable[Member]) -> None:
    """Removes what the laboratory made, and nothing else that may lie in its folder."""
    for folder in {member.folder for member in members}:
        if lab.folder in folder.parents:
            shutil.rmtree(folder, ignore_errors=True)
