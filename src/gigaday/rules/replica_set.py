"""Which losses a MongoDB replica set survives, from the members that it reports.

A write is safe once `min(majority of votes, data-bearing voters)` members have it (the server's `writeMajorityCount`);
arbiters vote but hold nothing, so they raise the majority without helping to reach it.
"""

from collections.abc import Sequence

import msgspec


class Member(msgspec.Struct, frozen=True):
    """`alive` is false where the member is down, starting or unreachable."""

    host: str
    votes: int = 1
    arbiter: bool = False
    alive: bool = True


def write_majority(members: Sequence[Member]) -> int:
    """How many data-bearing members must hold a write before it is acknowledged by a majority."""
    voters = [member for member in members if member.votes]
    return min(len(voters) // 2 + 1, len(_holders(voters)))


def spare(members: Sequence[Member]) -> int:
    """How many more data-bearing members can be lost while majority writes go on; negative where they stall now."""
    alive = [member for member in _holders(members) if member.alive]
    return len(alive) - write_majority(members)


def _holders(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if member.votes and not member.arbiter]
