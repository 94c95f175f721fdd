"""One process of a laboratory: what it is, where it listens, and what can be done to it."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gigaday
from gigaday.errors import GigadayError
from gigaday.lab import process
from gigaday.lab.process import Identity, State
from gigaday.lab.waiting import ServerMissing

SEARCHED = os.pathsep.join((os.defpath, "/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where programs are looked for; servers are where users' own paths often do not lead."""


class LabError(GigadayError):
    """What is asked of the laboratory cannot be done; the message says why and what to do instead."""


def python(*arguments: str) -> list[str]:
    """The command that runs this same Python."""
    return [sys.executable, *arguments]


def base_environment(home: Path) -> dict[str, str]:
    """What every process gets: nothing of the caller's own environment, whose settings would leak into nodes."""
    source = str(Path(gigaday.__file__).parents[1])
    return {"PATH": SEARCHED, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": source, "PYTHONUNBUFFERED": "1"}


NOBODY = Identity(0, 0)


@dataclass
class Member:
    """`ports`: "port" is where it listens, "announced" where others reach it; more by name. `saved` is called whenever
    what is to be remembered of it has changed."""

    name: str
    kind: str
    command: list[str]
    folder: Path
    ports: dict[str, int]
    environment: dict[str, str] = field(default_factory=dict)
    role: str = ""
    identity: Identity = NOBODY
    saved: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int:
        return self.identity.pid

    @property
    def port(self) -> int:
        return self.ports["port"]

    @property
    def announced(self) -> int:
        return self.ports.get("announced", self.port)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def state(self) -> State:
        return process.state(self.identity)

    def start(self) -> None:
        """Starts it, anew or again, with the same ports and folder; does not wait until it is ready."""
        if self.state() != "dead":
            raise LabError(f"{self.name} runs already")
        process.kill(self.identity)  # what a leader that was killed has left behind
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**base_environment(self.folder), **self.environment}
        with process.uninterrupted():
            self.identity = NOBODY
            self.record.unlink(missing_ok=True)
            self.saved()
            self.identity = process.spawn(self.command, environment, self.folder, self.log, self.record)
            self.saved()

    def kill(self) -> None:
        """Ends it and all that it forked at once (SIGKILL); returns once they are gone."""
        process.kill(self.identity)

    def terminate(self, seconds: float = 30) -> int | None:
        """SIGTERM, and SIGKILL after `seconds`; its exit code where that can be known."""
        return process.terminate(self.identity, seconds)

    def freeze(self) -> None:
        """Stops it and all that it forked where they are, with connections open (SIGSTOP)."""
        self._alive("frozen")
        process.send(self.identity, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets them go on."""
        self._alive("thawed")
        process.send(self.identity, signal.SIGCONT)

    def check(self) -> None:
        """Raises ServerMissing, with the end of its log, where it has ended by itself."""
        if self.state() == "dead":
            raise ServerMissing(f"{self.name} ended by itself:\n{self.told()}")

    def told(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else "(it wrote no log)"

    def _alive(self, verb: str) -> None:
        if self.state() == "dead":
            raise LabError(f"{self.name} is dead, and cannot be {verb}")

    def as_dict(self) -> dict[str, Any]:
        """What is remembered of it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "role": self.role,
            "pid": self.identity.pid,
            "started": self.identity.started,
            "boot": process.boot(),
            "ports": self.ports,
            "folder": str(self.folder),
            "command": self.command,
            "environment": self.environment,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Member":
        """Raises KeyError, TypeError or ValueError where it is none."""
        member = cls(
            kept["name"], kept["kind"], kept["command"], Path(kept["folder"]), kept["ports"], kept["environment"],
            kept["role"], Identity(int(kept["pid"]), int(kept["started"])),
        )  # fmt: skip
        if kept.get("boot", process.boot()) != process.boot():
            member.identity = NOBODY
        elif not member.identity.started:
            # Whoever started it was ended before it could say so.
            member.identity = process.recorded(member.record) or member.identity
        return member
