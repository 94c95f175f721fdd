"""Brings a laboratory up: the data servers all at once, then nodes, then what stands in front of them."""

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gigaday.lab import faults
from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.plan import Plan
from gigaday.lab.servers import cdn, haproxy, node, prometheus
from gigaday.lab.servers.mongod import ReplicaSet
from gigaday.lab.servers.redis import RedisCluster
from gigaday.lab.servers.swift import Swift
from gigaday.lab.waiting import ReservedPorts, ServerMissing, Take, until

_LONGEST = 75
"""Characters of the folder: HAProxy takes 97 for its socket, which is `balancer-1/admin.sock` in it."""
Tell = Callable[[str, bool], None]
"""Called with what is being waited for, and whether it is there now."""


def up(folder: Path, plan: Plan, tell: Tell) -> Lab:
    """The laboratory, whole. Raises LabError where one is there already or something lacks; then nothing is left."""
    if lacking := plan.lacking():
        raise LabError("the laboratory lacks:\n  " + "\n  ".join(lacking))
    lab = Lab(folder)
    _check(lab, plan)
    with lab.exclusive(), ReservedPorts() as take:
        _clear(lab)
        try:
            _Raising(lab, plan, tell, take).run()
        except BaseException as error:
            down(lab, grace=0, keep=isinstance(error, ServerMissing))
            if isinstance(error, ServerMissing):
                raise LabError(f"{error}\n(the logs are in {lab.folder})") from error
            raise
    return lab


def _check(lab: Lab, plan: Plan) -> None:
    """Raises LabError for what would only show once half of it runs."""
    if plan.nodes < 1:
        raise LabError("the laboratory has one node at least")
    path = str(lab.folder)
    if len(path) > _LONGEST or not re.fullmatch(r"[\w/.@+=-]+", path, re.ASCII):
        raise LabError(
            f"the servers cannot be configured with the path {path!r}: with --dir choose one of at most {_LONGEST} "
            "letters, digits and ._/@+=-"
        )


def _clear(lab: Lab) -> None:
    """Removes what a laboratory that is dead has left; refuses where one lives."""
    if not lab.exists:
        return
    old = Lab.load(lab.folder)
    if alive := old.alive():
        raise LabError(
            f"a laboratory runs in {lab.folder} ({len(alive)} processes): end it with `gigaday lab down`, or choose "
            "another folder with --dir"
        )
    down(old)


class _Raising:
    def __init__(self, lab: Lab, plan: Plan, tell: Tell, take: Take) -> None:
        self._lab, self._plan, self._tell, self._take = lab, plan, tell, take
        self._mongo = ReplicaSet(
            plan.mongo, folder=lab.folder, announced=self._announced(len(plan.mongo)), take=self._take
        )
        self._redis = RedisCluster(
            3, plan.redis_replicas, folder=lab.folder, take=self._take,
            announced=self._announced(3 * (1 + plan.redis_replicas)),
        )  # fmt: skip
        self._backup = RedisCluster(
            1, 0, folder=lab.folder, take=self._take, announced=self._announced(1), name="redis-backup", clustered=False
        )
        self._s3 = Swift(lab.folder / "s3", venv=plan.swift, take=self._take, announced=(self._announced(1) or [0])[0])

    def run(self) -> None:
        servers = (self._mongo, self._redis, self._backup, self._s3)
        if self._plan.proxies:
            self._proxy([member for server in servers for member in server.members])
        for server in servers:
            for member in server.members:
                self._lab.add(member)
            server.spawn()
        with ThreadPoolExecutor() as pool:
            joined: dict[str, Future[object]] = {
                "MongoDB": pool.submit(self._mongo.join),
                "Redis Cluster": pool.submit(self._redis.join),
                "Redis backup": pool.submit(self._backup.join),
                "S3": pool.submit(self._stored),
            }
            try:
                for name, future in joined.items():
                    self._tell(name, False)
                    future.result()
                    self._tell(name, True)
                bucket = joined["S3"].result()
            except BaseException:
                # The others wait for what will never be: end it, so that they see it.
                for member in self._lab.members.values():
                    member.kill()
                raise
        self._serve(str(bucket))

    def _announced(self, count: int) -> list[int]:
        return self._take(count) if self._plan.proxies else []

    def _proxy(self, members: list[Member]) -> None:
        folder = self._lab.folder / "fault-proxy"
        folder.mkdir(parents=True, exist_ok=True)
        proxies = folder / "proxies.json"
        proxies.write_text(json.dumps([_proxied(member) for member in members if member.kind != "s3-part"]))
        [port] = self._take(1)
        command = faults.command(f"127.0.0.1:{port}", proxies)
        member = self._lab.add(Member("fault-proxy", "fault-proxy", command, folder, {"port": port}))
        member.start()
        url = f"http://127.0.0.1:{port}"
        self._await("fault proxy", member, faults.Faults(url).ready)
        self._lab.learn(fault_proxy=url)

    def _stored(self) -> str:
        self._s3.join()
        return self._s3.bucket()

    def _serve(self, bucket: str) -> None:
        ports = self._take(self._plan.nodes)
        edge = self._take(2) if self._plan.edge else []
        settings = self._settings(bucket) | (cdn.settings(*edge) if edge else {})
        self._facts(settings)
        front = self._front(ports, edge)
        first, *others = [
            self._lab.add(node.member(self._lab.folder, number, port, settings)) for number, port in enumerate(ports, 1)
        ]
        for member in (*front, first):
            member.start()
        self._ready(first)  # it makes what the others then find
        for member in others:
            member.start()
        for member in others:
            self._ready(member)
        for member in front:
            self._await(member.name, member, lambda member=member: _served(member))  # type: ignore[misc]  # not inferred
        printed = first.log.read_text()
        self._lab.learn(first_nodes=[first.name, *(member.name for member in others)])
        self._lab.learn(demo_token=node.token(printed, "Demo"), operator_token=node.token(printed, "Operator"))

    def _ready(self, member: Member) -> None:
        self._tell(member.name, False)
        node.wait_ready(member)
        self._tell(member.name, True)

    def _settings(self, bucket: str) -> dict[str, str]:
        return {
            "CLUSTER_SIZE": "1",
            "GIGADAY_DRAIN_SECONDS": "2",
            "MONGODB_URI": self._mongo.uri,
            "MONGODB_MIN_POOL_SIZE": "5",
            "REDIS_CLUSTER_URLS": self._redis.urls,
            "REDIS_BACKUP_URLS": self._backup.urls,
            "GIGADAY_PEPPER": secrets.token_hex(32),
            "GIGADAY_TRUSTED_PROXIES": "127.0.0.0/8",
            **self._s3.settings(bucket),
        }

    def _front(self, nodes: list[int], edge: list[int]) -> list[Member]:
        """What stands before the nodes, and what watches them."""
        folder = self._lab.folder
        made = [
            haproxy.haproxy(f"balancer-{number}", folder / f"balancer-{number}", nodes, *self._take(2))
            for number in range(1, self._plan.balancers + 1)
        ]
        addresses = [f"http://127.0.0.1:{member.port}" for member in made]
        self._lab.learn(balancer=addresses[0], balancers=addresses)
        metrics = [member.ports["metrics"] for member in made]
        if edge:
            made.append(cdn.cdn(folder / "cdn", [member.port for member in made], *edge))
            self._lab.learn(cdn=f"http://127.0.0.1:{made[-1].port}")
        if self._plan.prometheus:
            made.append(prometheus.prometheus(folder / "prometheus", *self._take(1)))
            prometheus.scrape(made[-1].folder, "nodes", nodes)
            prometheus.scrape(made[-1].folder, "balancers", metrics)
            self._lab.learn(prometheus=f"http://127.0.0.1:{made[-1].port}")
        return [self._lab.add(member) for member in made]

    def _facts(self, settings: dict[str, str]) -> None:
        self._lab.learn(
            settings=settings,
            mongodb_uri=self._mongo.uri,
            redis=self._redis.urls,
            redis_backup=self._backup.urls,
            s3=self._s3.endpoint,
            bucket=settings["S3_BUCKET"],
        )

    def _await(self, name: str, member: Member, ready: Callable[[], bool]) -> None:
        def is_ready() -> bool:
            member.check()
            return ready()

        self._tell(name, False)
        until(is_ready, 30, f"{name} does not answer", retried=OSError)
        self._tell(name, True)


def _proxied(member: Member) -> dict[str, str]:
    return {
        "name": member.name,
        "listen": f"127.0.0.1:{member.announced}",
        "upstream": f"127.0.0.1:{member.port}",
    }


def _served(member: Member) -> bool:
    path = "/-/ready" if member.kind == "prometheus" else "/readyz"
    return node.ready(member.port, path=path)
