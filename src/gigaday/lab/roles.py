"""What the members of a running laboratory are at this moment, asked of each of them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError, Member
from gigaday.lab.servers import mongod, node, redis

T = TypeVar("T")
_AT_ONCE = 16


def mongo(lab: Lab) -> dict[str, str]:
    """Each member's "PRIMARY", "SECONDARY", "ARBITER", or "" where it does not answer."""
    return _asked(lab.of_kind("mongo"), mongod.role_of)


def redis_members(lab: Lab) -> dict[str, str]:
    """Each member's "primary", "replica", or "" where it does not answer."""
    return _asked([*lab.of_kind("redis"), *lab.of_kind("redis-backup")], redis.role_of)


def ready(lab: Lab) -> dict[str, bool]:
    """Whether each node would be sent requests."""
    return _asked(lab.of_kind("node"), node.ready)


def primary(lab: Lab) -> Member:
    """The MongoDB member that takes writes. Raises LabError where there is none."""
    for name, role in mongo(lab).items():
        if role == "PRIMARY":
            return lab.member(name)
    raise LabError("no member of the replica set is the primary")


def snapshot(lab: Lab) -> list[dict[str, Any]]:
    """Every member: its state, what it is now, and where it is reached."""
    with ThreadPoolExecutor(3) as pool:
        asked: tuple[Callable[[Lab], Mapping[str, Any]], ...] = (mongo, redis_members, ready)
        roles = {name: role for part in pool.map(lambda ask: ask(lab), asked) for name, role in part.items()}
    return [_row(member, roles.get(member.name)) for member in lab.members.values()]


def _asked(members: Sequence[Member], ask: Callable[[int], T]) -> dict[str, T]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda member: ask(member.port), members)
        return dict(zip((member.name for member in members), answers, strict=True))


def _row(member: Member, role: str | bool | None) -> dict[str, Any]:
    if isinstance(role, bool):
        role = "ready" if role else "not ready"
    return {
        "name": member.name,
        "kind": member.kind,
        "state": member.state(),
        "role": role or "",
        "address": f"127.0.0.1:{member.announced}",
        "listens": f"127.0.0.1:{member.port}",
        "pid": member.pid,
    }
