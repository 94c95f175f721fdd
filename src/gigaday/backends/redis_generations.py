"""The generations that a cached value depends on: where they lie in a Redis Cluster.

Each tag that was invalidated has a generation, a random value; one that never was has none. All of an owner's lie in
one slot. The owner's own tag always has one, made when it is first asked for: if a member loses its data, the owner's
values, which lie elsewhere, become invalid with it instead of coming back to life.
"""

from collections.abc import Iterator, Sequence
from itertools import count

from gigaday.backends.redis_slots import SLOTS, slot_of
from gigaday.rules import tags as tags_

_COPIES = 64


def _copies() -> tuple[str, ...]:
    """For each stretch of slots, a name that lies in it."""
    found: dict[int, str] = {}
    for number in count():
        name = f"{tags_.ALL}{number}"
        found.setdefault(slot_of(name) * _COPIES // SLOTS, name)
        if len(found) == _COPIES:
            return tuple(found[stretch] for stretch in range(_COPIES))
    raise AssertionError


# Everybody's tag has a copy in each stretch of slots, or its one primary would be everybody's single point of failure.
_EVERYBODY = _copies()


def read(entry: str, tags: Sequence[str]) -> tuple[list[str], list[str]]:
    """The generations that the entry depends on, in an order of their own: those that must exist, and the others."""
    roots, others = set(), set()
    for tag in tags:
        owner = tags_.owner_of(tag)
        if owner == tags_.ALL:
            roots.add(f"gen:{{{_EVERYBODY[slot_of(entry) * _COPIES // SLOTS]}}}")
        else:
            roots.add(f"gen:{{{owner}}}:{owner}")
            if tag != owner:
                others.add(f"gen:{{{owner}}}:{tag}")
    return sorted(roots), sorted(others)


def written(tag: str) -> Iterator[str]:
    """The generations to change when `tag` is invalidated."""
    owner = tags_.owner_of(tag)
    if owner == tags_.ALL:
        yield from (f"gen:{{{name}}}" for name in _EVERYBODY)
    else:
        yield f"gen:{{{owner}}}:{tag}"
