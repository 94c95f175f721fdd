"""The limits in force: the plans' own, and what operators have set over them for a plan, a tenant or a token.

Every node reads the few that are set each second, so that a change is in force everywhere a second later.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gigaday.contracts import (
    OPERATOR,
    Charge,
    Clock,
    Collection,
    Delete,
    Document,
    DocumentStore,
    Insert,
    Policy,
    Query,
    Replace,
)
from gigaday.errors import BadRequest, Conflict
from gigaday.model.plan import Plan
from gigaday.model.request import Principal
from gigaday.rules import limits, times

LIMITS = Collection("limits", tenanted=False)
ANONYMOUS, DELIVERY = "anonymous", "delivery"
_DELIVERY = Policy(DELIVERY, quota=6_000, window=60)
"""A page may have a hundred pictures, and a CDN fetches for many at once."""
MOST_SET = 1_000
"""So many limits may be set: a plan is the place for what many tenants share."""
_ATTEMPTS = 5
_TENANT, _TOKEN = "tenant", "token"


class Shown(msgspec.Struct):
    """One limit as an operator sees it. `wouldRefuse` counts what the limit on trial would have refused."""

    name: str
    quota: int
    window: int
    setBy: str
    shadow: str
    wouldRefuse: int


class Limits:
    """`plans` by name; `anonymous` limits callers without a token, by address, and `delivery` those who fetch what
    needs none."""

    def __init__(
        self,
        store: DocumentStore,
        clock: Clock,
        plans: Mapping[str, Plan],
        anonymous: Policy,
        delivery: Policy = _DELIVERY,
    ) -> None:
        self._store, self._clock = store, clock
        self._own = {**{name: plan.policy for name, plan in plans.items()}, ANONYMOUS: anonymous, DELIVERY: delivery}
        self._set: dict[str, Policy] = {}
        self._trials: dict[str, Policy] = {}
        self._factor, self._factors = 1.0, dict[str, float]()
        self.version = 0
        """Changes whenever what `of` answers does."""

    # -- what a request is charged to

    def of(self, principal: Principal | None, client: str) -> tuple[Charge, ...]:
        """The buckets of a request: its tenant's (or its address's), and its token's own where it has one."""
        if principal is None:
            policy = limits.scaled(self._policy(ANONYMOUS), self._factor)
            return (Charge(limits.key_of(client, policy), policy),)
        tenant = principal.tenant or limits.OPERATOR
        factor = 1.0 if principal.operator else self._factors.get(tenant, self._factor)
        policy = limits.scaled(self._set.get(f"tenant:{tenant}") or self._policy(principal.plan), factor)
        whole = Charge(limits.key_of(tenant, policy), policy)
        own = self._set.get(f"token:{principal.token_id}")
        if own is None:
            return (whole,)
        own = limits.scaled(own, factor)
        return Charge(limits.key_of(f"{tenant}:{principal.token_id}", own), own), whole

    def visitor(self, client: str) -> tuple[Charge, ...]:
        """The bucket of an address that fetches what needs no token."""
        policy = limits.scaled(self._policy(DELIVERY), self._factor)
        return (Charge(limits.key_of(client, policy), policy),)

    def _policy(self, name: str) -> Policy:
        return self._set.get(name) or self._own[name]

    def scale(self, factor: float, tenants: Mapping[str, float]) -> None:
        """Has every quota multiplied, and those of some tenants by a factor of their own: an emergency's measure."""
        self._factor, self._factors = factor, dict(tenants)
        self.version += 1

    def trial(self, key: str, policy: Policy) -> Policy | None:
        """The limit on trial beside the one of a bucket, if there is one."""
        name = self._trial_name(key) if self._trials else None
        return self._trials[name] if name is not None else None

    # -- what is set

    async def refresh(self) -> None:
        """Reads what is set. Policies that did not change stay the same objects. Raises BackendDown."""
        found = await self._store.page(LIMITS, OPERATOR, Query(limit=MOST_SET))
        was = self._set
        self._set = _kept(was, {d["_id"]: _policy(d["_id"], d["limit"], self._own) for d in found if d["limit"]})
        self.version += was != self._set
        self._trials = _kept(self._trials, {d["_id"]: _policy(d["_id"], d["shadow"], self._own)
                                            for d in found if d["shadow"]})  # fmt: skip

    async def set(self, name: str, quota: int, window: int) -> None:
        """Raises BadRequest for a name that is none, or a limit that admits nothing."""
        await self._change(name, limit=_checked(quota, window))

    async def unset(self, name: str) -> None:
        """Back to what the plan says."""
        await self._change(name, limit=None)

    async def shadow(self, name: str, quota: int, window: int) -> None:
        """Puts a limit on trial: it counts what it would refuse, and refuses nothing. Raises BadRequest for a token
        without a limit of its own: nothing is charged to it that could be counted."""
        if name.startswith("token:") and name not in self._set:
            raise BadRequest("Set a limit for the token first; a trial runs beside it.")
        await self._change(name, shadow=_checked(quota, window), wouldRefuse=0)

    async def unshadow(self, name: str) -> None:
        """Ends the trial."""
        await self._change(name, shadow=None, wouldRefuse=0)

    async def record(self, refused: Mapping[str, int]) -> None:
        """Adds what trials would have refused, by bucket key, to what is shown. Raises BackendDown."""
        for key, count in refused.items():
            name = self._trial_name(key)
            if name is not None:
                await self._add(name, count)

    async def show(self) -> list[Shown]:
        """Every limit, the plans' own first."""
        found = {d["_id"]: d for d in await self._store.page(LIMITS, OPERATOR, Query(limit=MOST_SET))}
        return [_shown(name, found.get(name), self._own) for name in dict.fromkeys([*self._own, *sorted(found)])]

    def _trial_name(self, key: str) -> str | None:
        names = _names_of(key, self._own[ANONYMOUS].name)
        return next((name for name in names if name in self._trials), None)

    async def _add(self, name: str, count: int) -> None:
        for _ in range(_ATTEMPTS):
            known = await self._store.get(LIMITS, OPERATOR, name)
            if known is None or not known["shadow"]:
                return
            changed = {**known, "wouldRefuse": known["wouldRefuse"] + count, "version": known["version"] + 1}
            if await self._store.write(LIMITS, OPERATOR, [Replace(changed, known["version"])]) == ["applied"]:
                return

    async def _change(self, name: str, **changes: Any) -> None:
        self._check_name(name)
        now = times.text(self._clock.now())
        for _ in range(_ATTEMPTS):
            known = await self._store.get(LIMITS, OPERATOR, name)
            write: Insert | Replace | Delete
            if known is None:
                fresh = {"_id": name, "createdBy": OPERATOR, "createdAt": now, "version": 1,
                         "limit": None, "shadow": None, "wouldRefuse": 0}  # fmt: skip
                write = Insert({**fresh, **changes, "updatedAt": now})
            else:
                changed = {**known, **changes, "updatedAt": now, "version": known["version"] + 1}
                set_still = changed["limit"] or changed["shadow"]
                write = Replace(changed, known["version"]) if set_still else Delete(name, known["version"])
            if await self._store.write(LIMITS, OPERATOR, [write]) == ["applied"]:
                await self.refresh()
                return
        raise Conflict("The limit changed meanwhile; try again.")

    def _check_name(self, name: str) -> None:
        kind, _, rest = name.partition(":")
        if name not in self._own and not (kind in (_TENANT, _TOKEN) and rest):
            known = ", ".join(self._own)
            raise BadRequest(f"{name[:100]!r} has no limit; known: {known}, tenant:<id>, token:<id>")


def _checked(quota: int, window: int) -> dict[str, int]:
    if not (1 <= quota <= 10**12 and 1 <= window <= 86_400):
        raise BadRequest("A limit has a quota of 1 to 10^12 tokens in a window of 1 to 86,400 seconds.")
    return {"quota": quota, "window": window}


def _policy(name: str, limit: Mapping[str, int], own: Mapping[str, Policy]) -> Policy:
    """A plan's limit keeps its name, in headers and keys; one of a tenant or a token is named by its kind."""
    told = own[name].name if name in own else name.partition(":")[0]
    return Policy(told, limit["quota"], limit["window"])


def _kept(known: Mapping[str, Policy], found: Mapping[str, Policy]) -> dict[str, Policy]:
    return {name: known[name] if known.get(name) == policy else policy for name, policy in found.items()}


def _names_of(key: str, anonymous: str) -> tuple[str, ...]:
    """The names under which a trial of this bucket may be set, the narrowest first (`limits.key_of` has its shape)."""
    who, _, policy = key.partition("{")[2].partition("}")[0].rpartition(":")
    if policy == anonymous:
        return (ANONYMOUS,)
    if policy == _TOKEN:
        return (f"token:{who.rpartition(':')[2]}",)
    return f"tenant:{who}", policy


def _shown(name: str, document: Document | None, own: Mapping[str, Policy]) -> Shown:
    limit = document["limit"] if document else None
    shadow = document["shadow"] if document else None
    policy = _policy(name, limit, own) if limit else own.get(name)
    return Shown(
        name, policy.quota if policy else 0, policy.window if policy else 0, "operator" if limit else "plan",
        f"{shadow['quota']:,} in {shadow['window']:,} s" if shadow else "", document["wouldRefuse"] if document else 0,
    )  # fmt: skip
