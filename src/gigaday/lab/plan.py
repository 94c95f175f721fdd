"""What a laboratory is made of, and what has to be installed for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gigaday.lab.servers import cdn, mongod
from gigaday.lab.servers.programs import find
from gigaday.lab.servers.swift import check_installed
from gigaday.lab.waiting import ServerMissing

# Four copies and an arbiter: with a copy lost, three of five votes still hold every write.
WHOLE_SET: tuple[mongod.Role, ...] = ("data", "data", "data", "data", "arbiter")
SMALL_SET: tuple[mongod.Role, ...] = ("data", "data", "data")


@dataclass(frozen=True)
class Plan:
    """How many of each. `proxies`: whether data servers are reached through the fault proxy; `swift`: the environment
    that the S3 server is installed in, where it is not beside the running one."""

    nodes: int = 3
    balancers: int = 2
    mongo: tuple[mongod.Role, ...] = WHOLE_SET
    redis_replicas: int = 1
    proxies: bool = True
    edge: bool = True
    prometheus: bool = True
    swift: Path | None = None

    @classmethod
    def small(cls, nodes: int = 3, *, proxies: bool = True, swift: Path | None = None) -> "Plan":
        """With fewer parts, for a machine with little to spare."""
        return cls(
            nodes, mongo=SMALL_SET, redis_replicas=0, proxies=proxies, edge=False, prometheus=False, swift=swift
        )  # fmt: skip

    def lacking(self) -> list[str]:
        """What is not installed here, each with how to install it."""
        programs = ["redis-server", "redis-cli", "haproxy", "memcached"]
        programs += ["nginx"] if self.edge else []
        programs += ["prometheus"] if self.prometheus else []
        checks: list[Callable[[], object]] = [mongod.binary, lambda: check_installed(self.swift)]
        checks += [cdn.modules] if self.edge else []
        checks += [lambda name=name: find(name) for name in programs]  # type: ignore[misc]  # mypy cannot infer it
        return list(_complaints(checks))


def _complaints(checks: list[Callable[[], object]]) -> Iterator[str]:
    for check in checks:
        try:
            check()
        except ServerMissing as error:
            yield str(error)
