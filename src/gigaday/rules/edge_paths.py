"""Tags as the paths that a CDN knows: for one that forgets by path, with a wildcard at the end at most."""

from collections.abc import Iterable, Sequence

from gigaday.contracts import OPERATOR
from gigaday.rules import tags as tag_names
from gigaday.rules.links import BASE

EVERYTHING = "/*"
PUBLISHED = "/api/v1/public"
_ITEM = 3
"""Parts of a tag that names one item, or (the last empty) lists."""


def paths_of(tags: Sequence[str], most_wildcards: int) -> list[str]:
    """The paths of all that stands under `tags`, told more broadly where that takes more than so many wildcards."""
    found = _unique(path for tag in tags for path in _paths(tag))
    if _wildcards(found) > most_wildcards:
        owners = _unique(_owner(tag) for tag in tags)
        found = _unique(path for owner in owners for path in _of_tenant(owner))
    if EVERYTHING in found or _wildcards(found) > most_wildcards:
        return [EVERYTHING]
    return found


def _unique(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(paths))


def _wildcards(paths: Sequence[str]) -> int:
    return sum(path.endswith("*") for path in paths)


def _paths(tag: str) -> Sequence[str]:
    owner, *rest = tag.split("/")
    if owner == OPERATOR and rest:
        return _of_tenant(rest[1]) if rest[0] == "tenants" and rest[1:] and rest[1] else ()
    if owner in (tag_names.ALL, OPERATOR):
        return (EVERYTHING,)
    if not rest:
        return _of_tenant(owner)
    if rest[0] == "products":
        return _of_products(owner, rest[1:])
    return _of_media(owner, rest[1:]) if rest[0] == "media" else ()


def _owner(tag: str) -> str:
    """The tenant that a tag is about."""
    parts = tag.split("/")
    return parts[2] if parts[0] == OPERATOR and len(parts) == _ITEM else parts[0]


def _of_tenant(tenant: str) -> Sequence[str]:
    if tenant in (tag_names.ALL, OPERATOR):
        return (EVERYTHING,)
    return (f"{PUBLISHED}/{tenant}/*", *_of_media(tenant, ()))


def _of_products(tenant: str, id: Sequence[str]) -> Sequence[str]:
    path = f"{PUBLISHED}/{tenant}/products"
    if not id:
        return (f"{path}*",)
    return (f"{path}/{id[0]}*",) if id[0] else (path, f"{path}?*")


def _of_media(tenant: str, id: Sequence[str]) -> Sequence[str]:
    """Of an item also its original, under the key it is stored by; no list of media is for anyone."""
    if not id:
        return (f"{BASE}/{tenant}/*", f"/media/{tenant}/*")
    return (f"{BASE}/{tenant}/{id[0]}/*", f"/media/{tenant}/{id[0][-2:]}/{id[0]}-*") if id[0] else ()
