"""When the reaper is at work: a whole run for an operator, or a little at a time beside the serving."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from gigaday.contracts import OPERATOR, Clock, Document, DocumentStore, Insert, Query, Replace
from gigaday.model.media import REAPING
from gigaday.model.tenant import TENANTS
from gigaday.ops.reaper import Reaped, Reaper
from gigaday.rules import ids, times

ROUND_SECONDS = 600.0
"""How often one of all nodes does a round."""
MOST_STEPS, MOST_REAPED = 320, 1_000
"""A round looks at so many parts of tenants, or until it has deleted so much."""
_ROUND = "round"
_KEPT_SECONDS = 90 * 24 * 3600
_TENANTS_PAGE = 100


class Step(NamedTuple):
    """A part of a tenant's media: those whose keys' folders begin with `slice`. The records are looked at with the
    first."""

    tenant: str
    slice: str


async def run(documents: DocumentStore, reaper: Reaper) -> AsyncIterator[Reaped]:
    """Everything, once."""
    async for tenant in tenants(documents):
        async for reaped in reaper.records(tenant):
            yield reaped
    for found in (reaper.growths(), reaper.orphans(), reaper.variants()):
        async for reaped in found:
            yield reaped


class Rounds:
    """The same a little at a time, by one node at a time, over and over. Where it has come to is kept in REAPING."""

    def __init__(self, documents: DocumentStore, clock: Clock, reaper: Callable[[], Reaper]) -> None:
        self._documents, self._clock, self._reaper = documents, clock, reaper

    async def round(self) -> list[Reaped]:
        """What was deleted; nothing where a round was begun not long ago, here or elsewhere."""
        await self._documents.delete_expired(REAPING, times.text(self._clock.now()))
        claim = await self._claimed()
        if claim is None:
            return []
        reaper, reaped, steps = self._reaper(), list[Reaped](), 0
        ends = self._clock.now() + ROUND_SECONDS / 2
        try:
            async for step in _steps(self._documents, Step(*claim["position"])):
                # Whatever it fails of must not keep all that comes after it from being looked at.
                claim["position"] = list(step)
                reaped += await _taken(reaper, step)
                steps += 1
                if steps >= MOST_STEPS or len(reaped) >= MOST_REAPED or self._clock.now() >= ends:
                    break
            else:
                claim["position"] = ["", ""]
        finally:
            after = {**claim, "version": claim["version"] + 1}
            await self._documents.write(REAPING, OPERATOR, [Replace(after, claim["version"])])
        return reaped

    async def _claimed(self) -> Document | None:
        """The right to do this round, taken."""
        now = self._clock.now()
        known = await self._documents.get(REAPING, OPERATOR, _ROUND)
        if known is not None and known["heldUntil"] > times.text(now):
            return None
        version = known["version"] if known else 0
        claim = {
            "_id": _ROUND, "createdBy": OPERATOR, "version": version + 1, "heldUntil": times.text(now + ROUND_SECONDS),
            "expiresAt": times.text(now + _KEPT_SECONDS), "position": known["position"] if known else ["", ""],
        }  # fmt: skip
        write = Replace(claim, version) if known else Insert(claim)
        return claim if await self._documents.write(REAPING, OPERATOR, [write]) == ["applied"] else None


async def _taken(reaper: Reaper, step: Step) -> list[Reaped]:
    within = f"{step.tenant}/{step.slice}"
    found = [reaper.growths(within), reaper.orphans(within), reaper.variants(within)]
    if step.slice == ids.ALPHABET[0]:
        found.insert(0, reaper.records(step.tenant))
    return [reaped for each in found async for reaped in each]


async def _steps(documents: DocumentStore, last: Step) -> AsyncIterator[Step]:
    """Those after `last`."""
    if last.tenant:
        for slice in ids.ALPHABET[ids.ALPHABET.index(last.slice) + 1 :]:
            yield Step(last.tenant, slice)
    async for tenant in tenants(documents, last.tenant):
        for slice in ids.ALPHABET:
            yield Step(tenant, slice)


async def tenants(documents: DocumentStore, after: str = "") -> AsyncIterator[str]:
    """The ids of all tenants, or those after one."""
    last = after
    while found := await documents.page(
        TENANTS, OPERATOR, Query(after=(last, last) if last else None, limit=_TENANTS_PAGE)
    ):
        for tenant in found:
            yield tenant["_id"]
        last = found[-1]["_id"]
