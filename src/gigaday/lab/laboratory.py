"""A laboratory as its folder remembers it: every process, where it listens, and what a caller needs to know."""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gigaday.lab.member import LabError, Member
from gigaday.rules.spelling import nearest

VERSION = 1


class Lab:
    """What `folder` holds. Several processes may have it open: each changes only what it has touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.facts: dict[str, Any] = {}
        self.members: dict[str, Member] = {}

    @classmethod
    def load(cls, folder: Path) -> "Lab":
        """Raises LabError where there is none."""
        lab = cls(folder)
        kept = lab._read()
        if kept is None:
            raise LabError(f"there is no laboratory in {folder}: gigaday lab up")
        try:
            if kept["version"] != VERSION:
                raise LabError(f"another version of Gigaday has made the laboratory in {folder}: end it with that")
            lab.facts = kept["facts"]
            for each in kept["members"]:
                lab._hold(Member.from_dict(each))
        except (KeyError, TypeError, ValueError) as error:
            raise lab._damaged(repr(error)) from error
        return lab

    def member(self, name: str) -> Member:
        """Raises LabError, naming the nearest."""
        if name not in self.members:
            meant = nearest(name, list(self.members))
            hint = f"did you mean {meant}?" if meant else "there are: " + ", ".join(self.members)
            raise LabError(f"the laboratory has no {name}; {hint}")
        return self.members[name]

    def of_kind(self, kind: str) -> list[Member]:
        return [member for member in self.members.values() if member.kind == kind]

    def alive(self) -> list[Member]:
        """The members that run, frozen or not."""
        return [member for member in self.members.values() if member.state() != "dead"]

    def add(self, member: Member) -> Member:
        """Remembers it, before it is started."""
        self._hold(member)
        self._keep(member)
        return member

    def remove(self, name: str) -> None:
        """Forgets it; it has to be dead."""
        if self.members[name].state() != "dead":
            raise LabError(f"{name} runs, and cannot be forgotten")
        del self.members[name]
        with self._changing() as kept:
            kept["members"] = [each for each in kept["members"] if each["name"] != name]

    def learn(self, **facts: Any) -> None:
        """Adds to what callers need to know."""
        self.facts |= facts
        with self._changing() as kept:
            kept["facts"] |= facts

    def forget(self) -> None:
        """Leaves nothing to load."""
        self._file.unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        return self._file.exists()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """While it is made larger, smaller or ended, nobody else does. Raises LabError where somebody is at it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(
                    f"another command is at work on the laboratory in {self.folder}: wait, or choose another --dir"
                ) from None
            yield

    @property
    def _file(self) -> Path:
        return self.folder / "state.json"

    def _hold(self, member: Member) -> None:
        self.members[member.name] = member
        member.saved = self._saver(member)

    def _saver(self, member: Member) -> Callable[[], None]:
        return lambda: self._keep(member)

    def _keep(self, member: Member) -> None:
        with self._changing() as kept:
            known = {each["name"]: each for each in kept["members"]}
            kept["members"] = list((known | {member.name: member.as_dict()}).values())

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "state.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self._read() or {"version": VERSION, "facts": {}, "members": []}
            yield kept
            self._write(kept)

    def _read(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._file.read_text()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LabError(f"{self._file} cannot be read: {error}") from error
        except (ValueError, TypeError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> LabError:
        return LabError(
            f"{self._file} is damaged: {why}. The *.pid files below {self.folder} begin with the ids of its processes: "
            "end those, then remove the folder"
        )

    def _write(self, kept: Mapping[str, Any]) -> None:
        fresh = self._file.with_suffix(".new")
        # It holds secrets.
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(kept, out, indent=2)
        fresh.replace(self._file)
