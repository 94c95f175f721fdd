"""A real Redis Cluster on loopback ports, each member a `redis-server` of its own that keeps nothing on disk."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gigaday.lab.member import Member
from gigaday.lab.servers.programs import find
from gigaday.lab.waiting import Take, free_ports, until

SLOTS = 16_384
_ROLES = {b"master": "primary", b"slave": "replica"}


def ask(port: int, *words: str | int, password: str = "", seconds: float = 5) -> str:
    """What the member that listens there answers to a command. Raises RuntimeError on an error reply or on none."""
    command = [find("redis-cli"), "-p", str(port), "-e", *map(str, words)]
    if password:
        command[1:1] = ["--no-auth-warning", "-a", password]
    try:
        done = subprocess.run(  # noqa: S603 - no words of a stranger
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the redis-server at {port} does not answer") from error
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout or done.stderr}".strip())
    return done.stdout.strip()


def role_of(port: int, seconds: float = 2) -> str:
    """What a member says it is now: "primary", "replica", or "" where it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as line:
            line.sendall(b"ROLE\r\n")
            told = line.recv(64)
    except OSError:
        return ""
    return next((role for word, role in _ROLES.items() if word in told), "")


class RedisCluster:
    """Members by index: the primaries first, then the replicas of each in turn. Use `start`, then `stop`.

    A member that was killed may be started again with `start_member`: it comes back empty, as what it is in the
    cluster by then. Key slots are spread evenly over the primaries. `clustered=False` makes one Redis that is no
    cluster.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 1,
        *,
        timeout_ms: int = 1_000,
        password: str = "",
        clustered: bool = True,
        folder: Path | None = None,
        announced: Sequence[int] = (),
        name: str = "redis",
        take: Take = free_ports,
    ) -> None:
        self._binary = find("redis-server")
        find("redis-cli")
        self._primaries, self._count = primaries, primaries * (1 + replicas)
        self._timeout_ms, self._password, self._clustered = timeout_ms, password, clustered
        ports = take(2 * self._count)
        self.ports, self._bus_ports = ports[: self._count], ports[self._count :]
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="gigaday-redis-"))
        self.members = [self._made(index, name, announced) for index in range(self._count)]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [("127.0.0.1", member.announced) for member in self.members]

    @property
    def urls(self) -> str:
        """As the setting has it."""
        return ",".join(f"{host}:{port}" for host, port in self.addresses)

    def start(self) -> "RedisCluster":
        """Returns once every slot is served and every replica follows its primary."""
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
        """Makes them a cluster; returns once every slot is served and every replica follows its primary."""
        for index in range(self._count):
            self._wait_up(index)
        if self._clustered:
            self._join()
            self.wait_healthy()

    def stop(self) -> None:
        """Ends what `start` started and removes files that nobody named a folder for."""
        self.kill_all()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def start_member(self, index: int) -> None:
        """Starts one member; returns once it answers (it may still be loading the cluster's state)."""
        self.members[index].start()
        self._wait_up(index)

    def kill(self, index: int) -> None:
        """Ends one member at once (SIGKILL)."""
        self.members[index].kill()

    def freeze(self, index: int) -> None:
        """Stops one member without closing its connections (SIGSTOP)."""
        self.members[index].freeze()

    def thaw(self, index: int) -> None:
        """Lets a frozen member go on."""
        self.members[index].thaw()

    def kill_all(self) -> None:
        for member in self.members:
            member.kill()

    def start_all(self) -> None:
        """Starts every member that does not run; returns once the cluster serves every slot again."""
        for index in sorted(set(range(self._count)) - set(self._alive_all())):
            self.start_member(index)
        self.wait_healthy()

    def flush(self) -> None:
        """Leaves every member that runs without a key."""
        for index in self._alive_all():
            if "role:master" in self.call(index, "INFO", "replication"):
                self.call(index, "FLUSHALL")

    def call(self, index: int, *words: str | int) -> str:
        """What one member answers to a command. Raises RuntimeError on an error reply or where it does not answer."""
        return ask(self.ports[index], *words, password=self._password)

    def slot(self, key: str) -> int:
        return int(self.call(self._alive(), "CLUSTER", "KEYSLOT", key))

    def owner(self, slot: int) -> int:
        """The index of the primary that serves `slot`."""
        for index in self._alive_all():
            for line in self.call(index, "CLUSTER", "NODES").splitlines():
                flags, ranges = line.split()[2], line.split()[8:]
                if "myself" in flags and "master" in flags and any(_holds(part, slot) for part in ranges):
                    return index
        raise RuntimeError(f"no member serves slot {slot}")

    def reshard(self, slots: Sequence[int], target: int) -> None:
        """Moves `slots` with all that they hold to the primary `target`, while clients go on."""
        for slot in slots:
            source = self.owner(slot)
            if source != target:
                self.begin_move(slot, source, target)
                self.move_keys(slot, source, target)
                self.end_move(slot, target)

    def begin_move(self, slot: int, source: int, target: int) -> None:
        """From here on the source answers ASK for keys of the slot that it does not hold."""
        self.call(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self._id(source))
        self.call(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self._id(target))

    def move_keys(self, slot: int, source: int, target: int) -> None:
        auth = ["AUTH", self._password] if self._password else []
        while keys := self.call(source, "CLUSTER", "GETKEYSINSLOT", slot, 100).splitlines():
            self.call(
                source, "MIGRATE", "127.0.0.1", self.ports[target], "", 0, 5_000, "REPLACE", *auth, "KEYS", *keys
            )  # fmt: skip

    def end_move(self, slot: int, target: int) -> None:
        """From here on all others answer MOVED."""
        owner = self._id(target)
        # The new owner first, so that the slot is never nobody's.
        for index in sorted(self._alive_all(), key=lambda index: index != target):
            if "role:master" in self.call(index, "INFO", "replication"):
                self.call(index, "CLUSTER", "SETSLOT", slot, "NODE", owner)

    def wait_healthy(self, seconds: float = 30) -> None:
        """Returns once every member that runs says that every slot is served, and every replica follows."""
        until(self._healthy, seconds, "the cluster is not healthy", retried=RuntimeError)

    def _join(self) -> None:
        each = -(-SLOTS // self._primaries)
        for index in range(self._count):
            self.call(index, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            if index:
                self.call(index, "CLUSTER", "MEET", "127.0.0.1", self.ports[0], self._bus_ports[0])
        for index in range(self._primaries):
            self.call(index, "CLUSTER", "ADDSLOTSRANGE", index * each, min(SLOTS, (index + 1) * each) - 1)
        until(self._acquainted, 20, "the members do not know each other", retried=RuntimeError)
        for index in range(self._primaries, self._count):
            self.call(index, "CLUSTER", "REPLICATE", self._id(index % self._primaries))

    def _acquainted(self) -> bool:
        nodes = [self.call(index, "CLUSTER", "NODES") for index in range(self._count)]
        return all(len(text.splitlines()) == self._count and "handshake" not in text for text in nodes)

    def _healthy(self) -> bool:
        for index in self._alive_all():
            state = self.call(index, "CLUSTER", "INFO")
            if "cluster_state:ok" not in state or f"cluster_slots_ok:{SLOTS}" not in state:
                return False
            roles = self.call(index, "INFO", "replication")
            if "role:slave" in roles and "master_link_status:up" not in roles:
                return False
        return bool(self._alive_all())

    def _wait_up(self, index: int) -> None:
        def answers() -> bool:
            self.members[index].check()
            return self.call(index, "PING") == "PONG"

        until(answers, 10, f"redis-server {index} does not answer", retried=RuntimeError)

    def _made(self, index: int, name: str, announced: Sequence[int]) -> Member:
        own = f"{name}-{index + 1}"
        ports = {"port": self.ports[index], "bus": self._bus_ports[index]}
        ports["announced"] = announced[index] if announced else ports["port"]
        options = {
            "port": ports["port"], "bind": "127.0.0.1", "save": "", "appendonly": "no",
            "repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1, "shutdown-on-sigterm": "nosave now force",
        }  # fmt: skip
        if self._clustered:
            options |= {
                "cluster-enabled": "yes", "cluster-port": ports["bus"],
                "cluster-announce-ip": "127.0.0.1", "cluster-announce-port": ports["announced"],
                "cluster-announce-bus-port": ports["bus"],
                "cluster-node-timeout": self._timeout_ms, "cluster-replica-validity-factor": 0,
                "cluster-require-full-coverage": "no", "cluster-allow-replica-migration": "no",
            }  # fmt: skip
        if self._password:
            options |= {"requirepass": self._password, "masterauth": self._password}
        command = [self._binary, *(text for key, value in options.items() for text in (f"--{key}", str(value)))]
        return Member(own, name, command, self._folder / own, ports)

    def _id(self, index: int) -> str:
        return self.call(index, "CLUSTER", "MYID")

    def _alive(self) -> int:
        return self._alive_all()[0]

    def _alive_all(self) -> list[int]:
        return [index for index, member in enumerate(self.members) if member.state() != "dead"]


def _holds(ranges: str, slot: int) -> bool:
    if ranges.startswith("["):  # a slot on its way
        return False
    first, _, last = ranges.partition("-")
    return int(first) <= slot <= int(last or first)
