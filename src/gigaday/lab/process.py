"""Processes that outlive whoever started them, known by their id and their start time together.

An id alone may belong to another process by the time that it is used. Each process leads a session of its own: what it
forks can be found and ended with it, also when it has died before.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["up", "frozen", "dead"]
_PROC = Path("/proc")
# The process tells its identity itself, before it becomes the server: there is no moment at which it runs unrecorded.
_SHIM = 'cd "$1" && read -r stat </proc/$$/stat && echo "$stat" >"$0" && shift && exec "$@"'


@dataclass(frozen=True)
class Identity:
    """Which process it is: `started` is in clock ticks since the machine came up."""

    pid: int
    started: int


@dataclass(frozen=True)
class _Stat:
    identity: Identity
    letter: str
    session: int


def spawn(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, record: Path) -> Identity:
    """Starts `command` in `folder` with nothing but `environment`; `log` gets its output, `record` its identity."""
    record.unlink(missing_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    words = ["sh", "-c", _SHIM, str(record), str(folder), *command]
    pid = os.posix_spawn("/bin/sh", words, dict(environment), file_actions=files, setsid=True, setsigmask=())
    stat = _stat(pid)
    return stat.identity if stat else Identity(pid, 0)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keeps signals that would end this process waiting: between a start and its record nothing may come."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def boot() -> str:
    """Of the machine since it came up: ids and start times of one from before may be those of others now."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def recorded(record: Path) -> Identity | None:
    """What a process said of itself before it ran its command."""
    try:
        return _parsed(record.read_text()).identity
    except (OSError, ValueError, IndexError):
        return None


def state(identity: Identity) -> State:
    """Of the process itself, whatever became of what it forked."""
    _reap(identity.pid)
    stat = _stat(identity.pid)
    if stat is None or stat.identity != identity or stat.letter in "ZX":
        return "dead"
    return "frozen" if stat.letter in "Tt" else "up"


def family(identity: Identity) -> list[int]:
    """The ids of the process and of all that it forked, as far as they run."""
    leader = _stat(identity.pid)
    if identity.pid <= 0 or (leader is not None and leader.identity != identity):
        return []  # The id went to a process of somebody else.
    return [
        stat.identity.pid
        for stat in _all()
        if stat.session == identity.pid and stat.identity.started >= identity.started and stat.letter not in "ZX"
    ]


def send(identity: Identity, number: signal.Signals) -> None:
    """A signal for the process and all that it forked."""
    for pid in family(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(identity: Identity, seconds: float = 10) -> None:
    """SIGKILL for it and all that it forked; returns once they are gone."""
    deadline = time.monotonic() + seconds
    while family(identity):
        send(identity, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {identity.pid} cannot be killed")
        time.sleep(0.01)
        _reap(identity.pid)
    _reap(identity.pid)


def terminate(identity: Identity, seconds: float) -> int | None:
    """SIGTERM, and SIGKILL after `seconds`. Its exit code, where it ended by itself and is a child of this process."""
    code = _ended(identity, seconds) if state(identity) != "dead" else None
    kill(identity)
    return code


def _ended(identity: Identity, seconds: float) -> int | None:
    send(identity, signal.SIGCONT)
    with contextlib.suppress(ProcessLookupError):
        os.kill(identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        code = _reap(identity.pid)
        if code is not None or state(identity) == "dead":
            return code
        time.sleep(0.02)
    return None


def _reap(pid: int) -> int | None:
    """The exit code of an ended child. Nothing where it runs, or is not a child of this process."""
    if pid <= 0:
        return None
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if done else None


def _all() -> Iterator[_Stat]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            yield stat


def _stat(pid: int) -> _Stat | None:
    try:
        return _parsed((_PROC / str(pid) / "stat").read_text())
    except (OSError, ValueError, IndexError):
        return None


def _parsed(text: str) -> _Stat:
    # The second field, the command's name, may hold spaces and parentheses itself.
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(Identity(int(text.split(" ", 1)[0]), int(fields[19])), fields[0], int(fields[3]))
