"""Steps that change the fleet's mode, and put back what they found.

Others may change the mode between a step and its undoing. What they have changed stays: only what the step itself set,
and what is still as it set it, goes back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gigaday.contracts import Clock
from gigaday.model.mode import ADMITS, FLEET, Level, Setting
from gigaday.ops.audit import State
from gigaday.ops.modes import CHANGEABLE, SECONDS, Modes, checked, over
from gigaday.ops.runbook import Step, StepFailed, Unneeded, shown

Changes = Mapping[str, Any]
_FOLLOWED = 2 * SECONDS
"""Seconds after which every node has looked at what is set."""


@dataclass(frozen=True)
class ModeSteps:
    """Makes steps that change the mode as `by`; `procedure` is told as the reason."""

    modes: Modes
    clock: Clock
    by: str
    procedure: str
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def step(
        self,
        name: str,
        why: str,
        wanted: Callable[[Setting], Changes],
        needs: Callable[[], Awaitable[None]] | None = None,
        *,
        followed: bool = False,
    ) -> Step:
        """`wanted` answers what is to be set, given what is; `needs` raises where that makes no sense. With `followed`
        the step takes until every node has seen it."""

        async def check_before() -> State:
            if needs is not None:
                await needs()
            known = await self._known()
            changes = {field: value for field, value in wanted(known).items() if getattr(known, field) != value}
            if not changes:
                raise Unneeded(f"it is so already: {_words(known, wanted(known))}")
            checked(msgspec.structs.replace(known, **changes))  # else it would only fail once it is on record as wanted
            return _state(known, changes) | {"wanted": changes}

        async def act(before: State) -> None:
            reason = f"gigaday runbook {self.procedure}"
            await self.modes.change(FLEET, before["wanted"], by=self.by, reason=reason)

        async def check_after(before: State) -> State:
            await self.sleep(_FOLLOWED if followed else 0)
            known = await self._known()
            changes = before["wanted"]
            if any(getattr(known, field) != value for field, value in changes.items()):
                raise StepFailed(f"somebody else has changed the mode meanwhile: {_words(known, changes)}")
            return _state(known, changes)

        async def undo(before: State, after: State | None) -> str:
            return await self._put_back(msgspec.convert(before["setting"], Setting), before["wanted"])

        return Step(name, why, check_before, act, check_after, undo)

    async def _known(self) -> Setting:
        """What is set and not over; of revision 0 where nothing ever was."""
        known = await self.modes.get(FLEET) or Setting(FLEET)
        if over(known, self.clock.now()):
            return Setting(FLEET, revision=known.revision, cacheEpoch=known.cacheEpoch)
        return known

    async def _put_back(self, was: Setting, changes: Changes) -> str:
        known = await self._known()
        ours = {field for field, value in changes.items() if getattr(known, field) == value}
        back = msgspec.structs.replace(known, **{field: getattr(was, field) for field in ours})
        alone = all(getattr(back, field) == getattr(was, field) for field in CHANGEABLE)
        if ours:
            await self.modes.put(was if alone else back, known.revision)
        left = {field: getattr(known, field) for field in changes if field not in ours}
        told = _words(was, {field: None for field in changes if field in ours})
        kept = f"left as {known.by or 'somebody'} has set it: {_words(known, left)}" if left else ""
        return "; ".join(part for part in (told, kept) if part)


def stricter(**wanted: Any) -> Callable[[Setting], Changes]:
    """What is wanted, but where what is set goes further already that, and nothing of it lost."""

    def changes(known: Setting) -> Changes:
        return {field: _further(field, getattr(known, field), value) for field, value in wanted.items()}

    return changes


def level(wanted: Level) -> Callable[[Setting], Changes]:
    """The level, with what the present one refuses still refused."""

    def changes(known: Setting) -> Changes:
        kept = {"admits": _further("admits", known.admits, "read")} if known.level == "shed" else {}
        return kept | {"level": wanted}

    return changes


def _further(field: str, known: Any, wanted: Any) -> Any:
    if field == "admits":
        return max(known, wanted, key=ADMITS.index)
    if field == "concurrency":
        return min(known, wanted)
    return max(known, wanted)


def _state(setting: Setting, changes: Changes) -> State:
    plain = {field: getattr(setting, field) for field in changes}
    return {**plain, "setting": msgspec.to_builtins(setting)}


def _words(setting: Setting, fields: Changes) -> str:
    return shown({field: getattr(setting, field) for field in fields})
