"""A real S3 server that checks signatures: OpenStack Swift's s3api over one plain process a part, and memcached.

It lives in an environment of its own, `.venv/swift`, which `make dev` makes.
"""

import getpass
import http.client
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gigaday.lab.member import Member
from gigaday.lab.servers.programs import find
from gigaday.lab.waiting import ServerMissing, Take, free_ports, until

ACCESS_KEY, REGION = "test:tester", "us-east-1"
KINDS = ("account", "container", "object")

STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {srv}
mount_check = false
log_level = WARNING
fallocate_reserve = 0
container_update_timeout = 60
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
error_suppression_limit = 1000000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
rate_limit_under_size = 0
[filter:dlo]
use = egg:swift#dlo
"""

RINGS = """
import sys
from swift.common.ring import RingBuilder
etc, ports = sys.argv[1], sys.argv[2:]
for kind, port in zip(("account", "container", "object"), ports):
    ring = RingBuilder(4, 1, 0)
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "weight": 1.0, "device": "d",
                  "replication_ip": "127.0.0.1", "replication_port": int(port), "meta": ""})
    ring.rebalance(seed="1")
    ring.get_ring().save(f"{etc}/{kind}.ring.gz")
"""


def beside() -> Path:
    """The environment that `make dev` makes for it, next to the running one."""
    return Path(sys.prefix) / "swift"


def check_installed(venv: Path | None = None) -> None:
    """Raises ServerMissing."""
    venv = venv or beside()
    if not (venv / "bin" / "swift-proxy-server").exists():
        raise ServerMissing(f"no Swift in {venv}: `make dev` makes it; --swift names another place")


class Swift:
    """Servers under `folder`, of the environment `venv` (beside the running one unless named). Use `start`, then
    `stop`.

    Clients reach it at the `announced` port, which leads to the one that it listens on.
    """

    def __init__(self, folder: Path, *, venv: Path | None = None, announced: int = 0, take: Take = free_ports) -> None:
        self._folder, self._venv = folder, venv or beside()
        self.secret = secrets.token_hex(20)
        self.port, self._cache, *self._ports = take(5)
        self.announced = announced or self.port
        memcached = ["memcached", "-u", _user(), "-l", "127.0.0.1", "-p", str(self._cache), "-U", "0", "-m", "16"]
        self.members = [Member("s3-memcached", "s3-part", memcached, folder, {"port": self._cache})]
        for kind, port in zip(KINDS, self._ports, strict=True):
            self.members.append(Member(f"s3-{kind}", "s3-part", self._command(kind), folder, {"port": port}))
        ports = {"port": self.port, "announced": self.announced}
        self.members.append(Member("s3", "s3", self._command("proxy"), folder, ports))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.announced}"

    def settings(self, bucket: str) -> dict[str, str]:
        """The settings that make Gigaday use it."""
        return {
            "S3_BUCKET": bucket, "S3_ENDPOINT": self.endpoint, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": self.secret,
        }  # fmt: skip

    def start(self) -> None:
        """Returns once it takes a request."""
        try:
            self.spawn()
            self.join()
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> None:
        """Starts every part, without waiting for them."""
        check_installed(self._venv)
        find("memcached")
        self._configure()
        for member in self.members:
            member.start()

    def join(self) -> None:
        """Returns once it takes a request."""
        self._until(lambda: self._authorized() is not None, "the S3 server does not answer")

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"b{secrets.token_hex(8)}"
        # A busy machine: it answers 503 until its parts have found each other.
        self._until(lambda: self._made(name), "the S3 server makes no bucket")
        return name

    def stop(self) -> None:
        """Ends exactly what `start` started."""
        for member in reversed(self.members):
            member.kill()

    def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        def holds() -> bool:
            for member in self.members:
                member.check()
            return condition()

        until(holds, 30, complaint, retried=OSError)

    def _made(self, bucket: str) -> bool:
        token = self._authorized()
        return token is not None and self._ask("PUT", f"/v1/AUTH_test/{bucket}", {"X-Auth-Token": token})[0] in (
            201,
            202,
        )

    def _authorized(self) -> str | None:
        status, headers = self._ask("GET", "/auth/v1.0", {"X-Auth-User": ACCESS_KEY, "X-Auth-Key": self.secret})
        return headers.get("X-Auth-Token") if status == 200 else None

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def _command(self, kind: str) -> list[str]:
        python, server = self._venv / "bin" / "python", self._venv / "bin" / f"swift-{kind}-server"
        config = self._folder / "etc" / f"{kind}.conf"
        return [str(python), "-B", "-W", "ignore", str(server), str(config), "-v"]

    def _configure(self) -> None:
        etc, srv = self._folder / "etc", self._folder / "srv"
        for made in (etc, srv / "d"):
            made.mkdir(parents=True, exist_ok=True)
        for kind, port in zip(KINDS, self._ports, strict=True):
            (etc / f"{kind}.conf").write_text(STORAGE.format(kind=kind, port=port, etc=etc, srv=srv, user=_user()))
        text = PROXY.format(user=_user(), port=self.port, etc=etc, memcached=self._cache, secret=self.secret)
        (etc / "proxy.conf").write_text(text)
        (etc / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = t\nswift_hash_path_suffix = t\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        python = self._venv / "bin" / "python"
        subprocess.run(  # noqa: S603 - no words of a stranger
            [python, "-B", "-W", "ignore", "-c", RINGS, etc, *map(str, self._ports)], check=True
        )


def _user() -> str:
    return getpass.getuser()
