"""A served node: a `gigaday serve` as a process of its own."""

import http.client
import re
from collections.abc import Mapping
from pathlib import Path

from gigaday.lab.member import Member, python
from gigaday.lab.waiting import until

MAIN = "from gigaday.cli.main import main; main()"


def node(name: str, settings: Mapping[str, str], folder: Path, *arguments: str, port: int) -> Member:
    """A node with these settings, that keeps its own files in `folder`."""
    command = python("-c", MAIN, "serve", "--port", str(port), *arguments)
    own = {"GIGADAY_DATA_DIR": str(folder / "data"), **settings}
    return Member(name, "node", command, folder, {"port": port}, own)


def member(folder: Path, number: int, port: int, settings: Mapping[str, str]) -> Member:
    """The `number`-th node of the laboratory in `folder`; the first makes the demo tenant."""
    name = f"node-{number}"
    return node(name, settings, folder / name, *(["--demo"] if number == 1 else []), port=port)


def ready(port: int, seconds: float = 2, path: str = "/readyz") -> bool:
    """Whether the node that listens there would be sent requests."""
    return _status(port, path, seconds) == http.client.OK


def answers(port: int, path: str, seconds: float) -> bool:
    """Whether it answers at all."""
    return _status(port, path, seconds) > 0


def _status(port: int, path: str, seconds: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_ready(member: Member, seconds: float = 60) -> None:
    """Returns once the node is ready. Raises ServerMissing with what it printed."""

    def is_ready() -> bool:
        member.check()
        return ready(member.port)

    until(is_ready, seconds, f"{member.name} is not ready", retried=OSError)


def token(printed: str, kind: str) -> str:
    """The "Operator" or "Demo" token in what a node printed at its first start."""
    [found] = re.findall(rf"{kind} token[^\n]*:\n  (gd_\S+)", printed)
    return str(found)
