"""A node without other servers, on a disk that is filled to its last byte, and then has room again."""

import asyncio
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from gigaday.lab.chaos.client import Answer, Client
from gigaday.lab.chaos.traffic import API
from gigaday.lab.member import Member
from gigaday.lab.servers import node
from gigaday.lab.waiting import free_ports

_UPLOAD = {"Content-Type": "text/plain", "X-Filename": "a.txt"}
_FULL = 507
_TIMES = 60


@dataclass(frozen=True)
class Tried:
    """`node` keeps everything below `folder`."""

    node: Member
    folder: Path

    @classmethod
    def on(cls, folder: Path) -> "Tried":
        [port] = free_ports(1)
        settings = {"CLUSTER_SIZE": "1", "GIGADAY_DRAIN_SECONDS": "0"}
        return cls(node.node("node-full", settings, folder, "--demo", port=port), folder)

    def run(self) -> dict[str, tuple[bool, str]]:
        """What was tried: whether it was as it should be, and what was seen."""
        self.node.start()
        node.wait_ready(self.node)
        token = node.token(self.node.log.read_text(), "Demo")
        return asyncio.run(self._asked(Client([f"127.0.0.1:{self.node.port}"], token)))

    async def _asked(self, client: Client) -> dict[str, tuple[bool, str]]:
        made = await client.request("POST", f"{API}/products", {"name": "Stool"})
        filler = _fill(self.folder)
        uploads = [await self._upload(client) for _ in range(_TIMES)]
        reads = [await client.request("GET", f"{API}/products/{made.json()['_id']}") for _ in range(_TIMES)]
        lives = node.answers(self.node.port, "/livez", seconds=1)
        filler.unlink()
        again = await self._upload(client)
        await client.close()
        return {
            "reads": (lives and all(one.status == 200 for one in reads), _statuses(reads)),
            "uploads": (all(one.status == _FULL for one in uploads), _statuses(uploads)),
            "again": (again.status == 201, _statuses([again])),
        }

    async def _upload(self, client: Client) -> Answer:
        return await client.request("POST", f"{API}/media", os.urandom(200_000), _UPLOAD)


def _fill(folder: Path) -> Path:
    """A file that takes what there is."""
    filler = folder / "filler"
    for size in (1 << 20, 1 << 12, 1):
        with filler.open("ab", buffering=0) as out:
            try:
                while out.write(b"x" * size):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def _statuses(answers: list[Answer]) -> str:
    return ", ".join(sorted({str(one.status) for one in answers}))
