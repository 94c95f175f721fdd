"""Real edge caches, as `deploy/cdn` and the laboratory configure them, before an origin at a port."""

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gigaday.lab.member import Member
from gigaday.lab.servers import cdn
from gigaday.lab.servers.programs import find
from tests.servers import ServerMissing, free_ports, until

RULES = Path(__file__).parents[2] / "deploy" / "cdn" / "default.vcl"
XKEY = Path("/usr/lib/x86_64-linux-gnu/varnish/vmods/libvmod_xkey.so")


@dataclass
class EdgeCache:
    """A `Server`: use `start`, then `stop`."""

    kind: Literal["varnish", "nginx"]
    folder: Path
    origin: int
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    member: Member | None = None

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def purge_url(self) -> str:
        """Where it takes PURGE."""
        return self.url if self.kind == "varnish" else f"http://127.0.0.1:{self.ports[1]}"

    def settings(self) -> dict[str, str]:
        """What makes a node use it."""
        return {"CDN_ENDPOINT": self.url, "CDN_PURGE_URLS": self.purge_url}

    def start(self) -> "EdgeCache":
        made = self._varnish() if self.kind == "varnish" else cdn.cdn(self.folder, [self.origin], *self.ports)
        self.member = made
        made.start()

        def listens() -> bool:
            made.check()
            socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1).close()
            return True

        until(listens, 20, f"{self.kind} does not listen", retried=OSError)
        return self

    def stop(self) -> None:
        if self.member is not None:
            self.member.terminate(10)

    def _varnish(self) -> Member:
        if not XKEY.exists():
            raise ServerMissing("varnish has no xkey: apt-get install varnish-modules")
        self.folder.mkdir(parents=True, exist_ok=True)
        rules = self.folder / "default.vcl"
        text = RULES.read_text().replace('"balancer"', '"127.0.0.1"')
        rules.write_text(re.sub(r'\.port = "\d+"', f'.port = "{self.origin}"', text))
        command = [find("varnishd"), "-F", "-j", "none", "-f", str(rules), "-a", f"127.0.0.1:{self.ports[0]}",
                   "-n", str(self.folder / "work"), "-s", "malloc,64m", "-T", "none"]  # fmt: skip
        return Member("varnish", "cdn", command, self.folder, {"port": self.ports[0]})
