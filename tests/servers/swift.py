"""A real S3 server that checks signatures: OpenStack Swift's s3api over one plain process a part, and memcached.

It lives in an environment of its own, `.venv/swift`, which `make dev` makes; TEST_SWIFT_VENV names another.
"""

import getpass
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers import ServerMissing, free_ports

VENV = Path(os.environ.get("TEST_SWIFT_VENV") or Path(__file__).parents[2] / ".venv" / "swift")
ACCESS_KEY, REGION = "test:tester", "us-east-1"
USER = getpass.getuser()
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


@dataclass
class Swift:
    """Servers under `folder`; `start` waits until a signed request is answered."""

    folder: Path
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environ(self, bucket: str) -> dict[str, str]:
        """The settings that make Gigaday use it."""
        return {
            "S3_BUCKET": bucket, "S3_ENDPOINT": self.endpoint, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": self.secret,
        }  # fmt: skip

    def start(self) -> None:
        """Raises ServerMissing where it is not installed."""
        memcached = shutil.which("memcached")
        if not (VENV / "bin" / "swift-proxy-server").exists() or memcached is None:
            raise ServerMissing(f"Swift in {VENV} or memcached is missing; `make dev` installs both")
        self.port, cache, *ports = free_ports(5)
        etc = self._configure(cache, ports)
        self._spawn(
            "memcached",
            [memcached, "-u", USER, "-l", "127.0.0.1", "-p", str(cache), "-U", "0", "-m", "16"],
        )
        for kind in (*KINDS, "proxy"):
            server = VENV / "bin" / f"swift-{kind}-server"
            self._spawn(kind, [str(VENV / "bin" / "python"), "-W", "ignore", str(server), f"{etc}/{kind}.conf", "-v"])
        self._wait()

    def _configure(self, cache: int, ports: list[int]) -> Path:
        etc, srv = self.folder / "etc", self.folder / "srv"
        for made in (etc, srv / "d", self.folder / "log"):
            made.mkdir(parents=True, exist_ok=True)
        for kind, port in zip(KINDS, ports, strict=True):
            (etc / f"{kind}.conf").write_text(STORAGE.format(kind=kind, port=port, etc=etc, srv=srv, user=USER))
        text = PROXY.format(user=USER, port=self.port, etc=etc, memcached=cache, secret=self.secret)
        (etc / "proxy.conf").write_text(text)
        (etc / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = t\nswift_hash_path_suffix = t\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        subprocess.run([VENV / "bin" / "python", "-W", "ignore", "-c", RINGS, etc, *map(str, ports)], check=True)
        return etc

    def _spawn(self, name: str, command: list[str]) -> None:
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ, start_new_session=True
            )
        self.processes.append(process)

    def client(self):
        """boto3's client, an S3 client that is not ours."""
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, connect_timeout=2)
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.secret, config=config,
        )  # fmt: skip

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                self.client().list_buckets()
            except (BotoCoreError, ClientError) as error:
                ended = [process.args for process in self.processes if process.poll() is not None]
                if ended or time.monotonic() > until:
                    self.stop()
                    logs = "".join(path.read_text()[-2000:] for path in (self.folder / "log").glob("*.log"))
                    raise RuntimeError(f"Swift did not start ({error}); ended: {ended}\n{logs}") from error
                time.sleep(0.1)
            else:
                return

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"b{secrets.token_hex(8)}"
        until = time.monotonic() + 20
        while True:
            try:
                self.client().create_bucket(Bucket=name)
            except ClientError:
                # A busy machine: Swift answers 503 until its account server has caught up.
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return name

    def stop(self) -> None:
        """Ends exactly what `start` started."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
