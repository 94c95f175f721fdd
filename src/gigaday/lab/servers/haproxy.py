"""A balancer: HAProxy with the configuration that `gigaday.ops.balancer` makes, and its runtime API."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gigaday.lab.member import LabError, Member
from gigaday.lab.servers.programs import find
from gigaday.ops.balancer import Balancer
from gigaday.ops.balancer_files import write

SLOTS = 8
"""How many nodes may be added while it runs."""


def haproxy(name: str, folder: Path, nodes: Sequence[int], port: int, metrics: int) -> Member:
    """A balancer before nodes at these ports."""
    folder.mkdir(parents=True, exist_ok=True)
    admin = folder / "admin.sock"
    balancer = Balancer(
        nodes=tuple(f"127.0.0.1:{node}" for node in nodes),
        listen=f"127.0.0.1:{port}",
        slots=SLOTS,
        admin_socket=admin,
        metrics=f"127.0.0.1:{metrics}",
    )
    config = write("haproxy", balancer, folder / "haproxy.cfg")
    command = [find("haproxy"), "-W", "-db", "-f", str(config)]
    return Member(name, "balancer", command, folder, {"port": port, "metrics": metrics})


def tell(member: Member, *commands: str) -> str:
    """What the runtime API of a running balancer answers to the commands. Raises LabError."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        try:
            line.connect(str(member.folder / "admin.sock"))
            line.sendall((";".join(commands) + "\n").encode())
            told = b"".join(iter(lambda: line.recv(65536), b""))
        except OSError as error:
            raise LabError(f"{member.name} does not take commands: {error}") from error
    return told.decode().strip()


def admit(member: Member, number: int, port: int) -> None:
    """Sends requests to the node at `port` as the `number`-th of its nodes."""
    server = f"nodes/node{number}"
    _heed(member, f"set server {server} addr 127.0.0.1 port {port}")
    _heed(member, f"set server {server} state ready")
    # What is checked only begins to be once it is told so.
    _heed(member, f"enable health {server}")


def drain(member: Member, number: int) -> None:
    """Sends it no new requests; those that it has go on."""
    _heed(member, f"set server nodes/node{number} state drain")


def dismiss(member: Member, number: int) -> None:
    """Ends sending anything to it."""
    _heed(member, f"set server nodes/node{number} state maint")


def busy(member: Member, number: int) -> int:
    """The requests that it has sent to the node and that are not answered."""
    return sum(int(row["scur"]) for row in _figures(member) if row["svname"] == f"node{number}")


class Figures(NamedTuple):
    """`nodes` are the numbers of those that are sent requests, `in_flight` the requests that any node has, or that
    wait for one."""

    nodes: frozenset[int]
    in_flight: int


def figures(member: Member) -> Figures:
    """What it does now. Raises LabError."""
    rows = _figures(member)
    return Figures(
        frozenset(int(row["svname"].removeprefix("node")) for row in rows if _is_sent_requests(row)),
        # What waits for whichever node is free first is told of the backend, whose `scur` has that of its nodes again.
        sum(int(row["qcur"]) + (0 if row["svname"] == "BACKEND" else int(row["scur"])) for row in rows),
    )


def _is_sent_requests(row: Mapping[str, str]) -> bool:
    return row["svname"] != "BACKEND" and row["status"].startswith("UP")


def _figures(member: Member) -> list[dict[str, str]]:
    lines = tell(member, "show stat nodes 6 -1").splitlines()
    names = lines[0].removeprefix("# ").split(",")
    return [dict(zip(names, line.split(","), strict=False)) for line in lines[1:]]


def _heed(member: Member, command: str) -> None:
    answer = tell(member, command)
    # It tells of what it has changed; of a refusal by these words.
    if any(word in answer.lower() for word in ("no such", "unknown", "invalid", "error", "require", "can't", "cannot")):
        raise LabError(f"{member.name} refuses '{command}': {answer}")
