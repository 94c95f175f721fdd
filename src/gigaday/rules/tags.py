"""The tags that cached values are invalidated by.

A tag is a path: the owner, a collection of its, one item or (with a closing slash) the lists of the collection. A value
stands under the tags of all that it depends on; a write names the narrowest tags that it changes.
"""

from collections.abc import Sequence

from gigaday.contracts import OPERATOR

ALL = "*"
"""Everything, of every owner."""
_MOST_ITEMS = 50


def tenant(owner: str) -> str:
    """All that is cached of one owner."""
    return owner


def collection(owner: str, name: str) -> str:
    """Every item and list of a collection."""
    return f"{owner}/{name}"


def lists(owner: str, name: str) -> str:
    """The lists of a collection."""
    return f"{owner}/{name}/"


def item(owner: str, name: str, id: str) -> str:
    """One item."""
    return f"{owner}/{name}/{id}"


def of_item(owner: str, name: str, id: str) -> tuple[str, ...]:
    """What an answer about one item stands under."""
    return item(owner, name, id), collection(owner, name), tenant(owner), ALL


def of_list(owner: str, name: str) -> tuple[str, ...]:
    """What an answer about many items stands under."""
    return lists(owner, name), collection(owner, name), tenant(owner), ALL


def of_public(owner: str, under: Sequence[str]) -> tuple[str, ...]:
    """What an answer under these tags stands under where it is for anyone: whether it is depends on the tenant, too."""
    return *under, item(OPERATOR, "tenants", owner), collection(OPERATOR, "tenants"), tenant(OPERATOR)


def changed(owner: str, name: str, ids: Sequence[str]) -> tuple[str, ...]:
    """What a write to these items invalidates; many at once are told as the whole collection."""
    if len(ids) > _MOST_ITEMS:
        return (collection(owner, name),)
    return (*(item(owner, name, id) for id in ids), lists(owner, name))


def delivered(tag: str) -> bool:
    """Whether anything that is for anyone may stand under it."""
    owner, *rest = tag.split("/")
    return not rest or rest[0] in (("tenants",) if owner == OPERATOR else ("products", "media"))


def owner_of(tag: str) -> str:
    """The owner that a tag begins with."""
    return tag.partition("/")[0]
