"""What a service does otherwise than normally, while something is down or an operator says so."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Level = Literal["normal", "serve_stale", "read_only", "shed"]
LEVELS: tuple[Level, ...] = ("normal", "serve_stale", "read_only", "shed")
"""From the mildest to the gravest. Each does one thing, and several may be in force at once."""
Admits = Literal["list", "read", "write"]
"""The least urgent kind of request still admitted: everything; no lists, exports and uploads; writes alone."""
ADMITS: tuple[Admits, ...] = ("list", "read", "write")
Store = Literal["primary", "backup", "off"]
STORES: tuple[Store, ...] = ("primary", "backup", "off")

_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z"
"""As `rules.times` has it, so that times compare as text."""
FLEET = "fleet"
"""The scope of a mode that holds for all; that of one tenant is `tenant:<id>`."""
_TENANT = "tenant:"


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator has set for one scope: a level, and what else an emergency needs.

    `concurrency` is a factor on the requests in flight, `lifetimes` on how long answers are cached, `limits` on quotas
    (above 1 loosens), `pool` on the database's connections. `cache` says which shared cache is used, if any; it, `pool`
    and `concurrency` are the fleet's alone.
    `since` and `until` are times as stored; `revision` counts changes, `cacheEpoch` those of `cache`.
    """

    scope: Annotated[str, Meta(pattern=r"^(fleet|tenant:[a-z0-9][a-z0-9-]{0,62})\Z")]
    level: Level = "normal"
    admits: Admits = "list"
    concurrency: Annotated[float, Meta(ge=0.05, le=1)] = 1.0
    lifetimes: Annotated[float, Meta(ge=0, le=100)] = 1.0
    limits: Annotated[float, Meta(ge=0.01, le=100)] = 1.0
    cache: Store = "primary"
    pool: Annotated[float, Meta(ge=1, le=4)] = 1.0
    by: Annotated[str, Meta(max_length=200)] = ""
    reason: Annotated[str, Meta(max_length=500)] = ""
    since: str = ""
    until: Annotated[str, Meta(pattern=_TIME)] | None = None
    revision: int = 0
    cacheEpoch: int = 0

    @property
    def tenant(self) -> str:
        """Empty for the fleet's."""
        return self.scope.removeprefix(_TENANT) if self.scope != FLEET else ""


class Mode(msgspec.Struct, frozen=True):
    """What is in force for a request: every setting and every outage that touches it, taken together."""

    levels: frozenset[Level] = frozenset()
    admits: Admits = "list"
    concurrency: float = 1.0
    lifetimes: float = 1.0
    limits: float = 1.0
    cache: Store = "primary"
    pool: float = 1.0

    @property
    def level(self) -> Level:
        """The gravest."""
        return max(self.levels, key=LEVELS.index, default="normal")

    def __or__(self, other: "Mode") -> "Mode":
        """Both: of two measures the stricter, of two factors the product."""
        return Mode(
            self.levels | other.levels,
            max(self.admits, other.admits, key=ADMITS.index),
            min(self.concurrency, other.concurrency),
            self.lifetimes * other.lifetimes,
            self.limits * other.limits,
            max(self.cache, other.cache, key=STORES.index),
            max(self.pool, other.pool),
        )


NORMAL = Mode()


def of_level(level: Level) -> Mode:
    """What the level alone brings."""
    if level == "normal":
        return NORMAL
    return Mode(frozenset((level,)), "read" if level == "shed" else "list")


def of_setting(setting: Setting) -> Mode:
    """What the setting brings."""
    own = Mode(
        frozenset(),
        setting.admits,
        setting.concurrency,
        setting.lifetimes,
        setting.limits,
        setting.cache,
        setting.pool,
    )
    return of_level(setting.level) | own


def together(modes: Iterable[Mode]) -> Mode:
    """All of them at once."""
    whole = NORMAL
    for mode in modes:
        whole |= mode
    return whole


def tenant_scope(tenant: str) -> str:
    """The scope of one tenant's mode."""
    return _TENANT + tenant
