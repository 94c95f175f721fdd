"""The modes in force: what operators have set for the fleet, for tenants and for this node, and what outages bring.

Every node reads what is set twice a second, so that a change is in force everywhere within one. What was read last
stays in force while the database is down.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from gigaday.contracts import (
    OPERATOR,
    Clock,
    Collection,
    Delete,
    Document,
    DocumentStore,
    Insert,
    Query,
    Replace,
    Write,
)
from gigaday.errors import BadRequest, Conflict
from gigaday.model.mode import FLEET, NORMAL, Mode, Setting, of_setting, together
from gigaday.ops.mode_file import ModeFile
from gigaday.rules import times

MODES = Collection("modes", tenanted=False)
MOST_SET = 1_000
SECONDS = 0.5
"""Between two looks at what is set."""
_LONGEST = 366 * 86_400.0
_OWN = ("scope", "revision", "since", "by", "reason", "until", "cacheEpoch")
CHANGEABLE = tuple(name for name in Setting.__struct_fields__ if name not in _OWN)
_NOT_OF_TENANTS = ("concurrency", "pool", "cache")


class Automatic(Protocol):
    """What outages bring, as `resilience.modes` has it."""

    def mode(self) -> Mode: ...

    def causes(self) -> list[str]: ...


class Modes:
    """`here` is what is set for this node alone."""

    def __init__(
        self, store: DocumentStore, clock: Clock, here: ModeFile | None = None, automatic: Automatic | None = None
    ) -> None:
        self._store, self._clock, self._here, self._automatic = store, clock, here, automatic
        self._documents: list[Setting] = []
        self._file: list[Setting] = []
        self._fleet, self._tenants = NORMAL, dict[str, Mode]()
        self._followers: list[Callable[[Modes], None]] = []
        self.cache_epoch = 0

    # -- what is in force

    def of(self, tenant: str) -> Mode:
        """For a tenant's request; of the empty one, for all."""
        own = self._tenants.get(tenant, self._fleet)
        down = self._automatic.mode() if self._automatic is not None else NORMAL
        return own if down is NORMAL else own | down

    @property
    def tenants(self) -> Mapping[str, Mode]:
        """What operators have set, for the tenants that have more than the fleet."""
        return self._tenants

    @property
    def fleet(self) -> Mode:
        """What operators have set for all."""
        return self._fleet

    def causes(self) -> list[str]:
        """Why the fleet's mode is as it is, in words."""
        down = self._automatic.causes() if self._automatic is not None else []
        return [f"{name} down" for name in down] + [_told(known) for known in self.in_force() if known.scope == FLEET]

    def in_force(self) -> list[Setting]:
        """What was set when this was last read, and is not over."""
        now = self._clock.now()
        return [known for known in (*self._file, *self._documents) if not over(known, now)]

    def follow(self, follower: Callable[["Modes"], None]) -> None:
        """Has `follower` called now, and whenever what is set has changed."""
        self._followers.append(follower)
        follower(self)

    async def refresh(self) -> None:
        """Reads what is set. Raises BackendDown, and BadRequest for what is wrong; what was known of that stays."""
        try:
            try:
                if self._here is not None:
                    self._file = self._here.read()
            finally:
                self._documents = await self._read()
        finally:
            self._apply()

    # -- what is set

    async def get(self, scope: str) -> Setting | None:
        """What is set for the scope, if anything. Raises BackendDown."""
        found = await self._store.get(MODES, OPERATOR, scope)
        return _setting(found) if found is not None else None

    async def show(self) -> list[Setting]:
        """All that is set and not over."""
        await self.refresh()
        return [known for known in self.in_force() if known in self._file or of_setting(known) != NORMAL]

    async def change(
        self, scope: str, changes: Mapping[str, Any], *, by: str, reason: str = "", seconds: float | None = None,
        expected: int | None = None,
    ) -> Setting:  # fmt: skip
        """What is set after `changes` to it, for `seconds` where that is said. Raises BadRequest for what is no mode,
        and Conflict where the revision is not `expected` (0 where nothing is set)."""
        known = await self.get(scope)
        setting = changed(known, scope, changes, self._clock.now(), by=by, reason=reason, seconds=seconds)
        return await self._write(setting, known, expected)

    async def put(self, setting: Setting, expected: int | None = None) -> Setting:
        """Sets all of it, as it was read before: the way back."""
        return await self._write(checked(setting), await self.get(setting.scope), expected)

    async def clear(self, scope: str, expected: int | None = None, *, by: str = "", reason: str = "") -> None:
        """Back to normal."""
        known = await self.get(scope)
        if known is None:
            return
        blank = Setting(scope, by=by, reason=reason, since=times.text(self._clock.now()))
        await self._write(blank, known, expected)

    async def _write(self, setting: Setting, known: Setting | None, expected: int | None) -> Setting:
        revision = known.revision if known is not None else 0
        if expected is not None and revision != expected:
            raise Conflict(f"The mode of {setting.scope} has changed meanwhile; look at it again.")
        epoch = known.cacheEpoch if known is not None else 0
        epoch += setting.cache != (known.cache if known is not None else "primary")
        setting = msgspec.structs.replace(setting, revision=revision + 1, cacheEpoch=epoch)
        write: Write
        if known is None:
            write = Insert(_document(setting))
        elif setting.tenant and of_setting(setting) == NORMAL:
            write = Delete(setting.scope, revision)
        else:  # the fleet's stays, since it counts the switches of the cache
            write = Replace(_document(setting), revision)
        if await self._store.write(MODES, OPERATOR, [write]) != ["applied"]:
            raise Conflict("The mode was changed at the same time; look at it again.")
        await self.refresh()
        return setting

    async def _read(self) -> list[Setting]:
        found = await self._store.page(MODES, OPERATOR, Query(limit=MOST_SET))
        return [_setting(document) for document in found]

    def _apply(self) -> None:
        before = self._fleet, self._tenants, self.cache_epoch
        force = self.in_force()
        self._fleet = together(of_setting(known) for known in force if not known.tenant)
        tenants = sorted({known.tenant for known in force if known.tenant})
        self._tenants = {
            tenant: together([self._fleet, *(of_setting(known) for known in force if known.tenant == tenant)])
            for tenant in tenants
        }
        self.cache_epoch = max((known.cacheEpoch for known in self._documents), default=0)
        if before != (self._fleet, self._tenants, self.cache_epoch):
            for follower in self._followers:
                follower(self)


def changed(
    known: Setting | None, scope: str, changes: Mapping[str, Any], now: float, *, by: str, reason: str = "",
    seconds: float | None = None,
) -> Setting:  # fmt: skip
    """`known`, unless it is over, with `changes`. Raises BadRequest."""
    if unknown := set(changes) - set(CHANGEABLE):
        raise BadRequest(f"A mode has no {', '.join(sorted(unknown))}; it has {', '.join(CHANGEABLE)}.")
    if known is not None and over(known, now):
        known = None
    if seconds is not None and not 0 < seconds <= _LONGEST:
        raise BadRequest("A mode may last for more than nothing and for a year at most; without an end, until cleared.")
    until = times.text(now + seconds) if seconds is not None else None
    told = {"by": by, "reason": reason, "since": times.text(now), "until": until}
    return checked(msgspec.structs.replace(known or Setting(scope), **changes, **told))


def over(setting: Setting, now: float) -> bool:
    """Whether it was to end before `now`."""
    return setting.until is not None and setting.until <= times.text(now)


def checked(setting: Setting) -> Setting:
    """The setting, if it is one. Raises BadRequest."""
    try:
        setting = msgspec.convert(msgspec.to_builtins(setting), Setting)
    except msgspec.ValidationError as error:
        raise BadRequest(f"This is no mode: {error}") from error
    blank = Setting(setting.scope)
    if setting.tenant and any(getattr(setting, name) != getattr(blank, name) for name in _NOT_OF_TENANTS):
        raise BadRequest(f"{' and '.join(_NOT_OF_TENANTS)} are set for all, not for one tenant.")
    return setting


def _setting(document: Document) -> Setting:
    fields = {name: document[name] for name in Setting.__struct_fields__ if name in document}
    try:
        return msgspec.convert({**fields, "scope": document["_id"], "revision": document["version"]}, Setting)
    except msgspec.ValidationError as error:  # another version of this program wrote it
        raise BadRequest(f"The mode of {document['_id']} is none that is known here: {error}") from error


def _document(setting: Setting) -> Document:
    fields = msgspec.to_builtins(setting)
    return {**fields, "_id": setting.scope, "createdBy": OPERATOR, "version": setting.revision}


def _told(setting: Setting) -> str:
    """For everybody, so that it does not name who has set it."""
    said = "set by an operator" + (f": {setting.reason}" if setting.reason else "")
    return f"{said}, until {setting.until}" if setting.until else said
