"""Takes the request's cost from the caller's token buckets and tells what is left on every answer."""

import math
from collections.abc import Awaitable, Callable, Sequence

from gigaday.contracts import Charge, Charged, Clock, Decision
from gigaday.edge.asgi import App, Headers, Receive, Scope, Send
from gigaday.errors import RateLimited
from gigaday.model.request import Principal, RequestState, state_of
from gigaday.rules import limits

Charges = Callable[[Principal | None, str], Sequence[Charge]]
"""The buckets of a caller, or of an address where nobody is known, at a cost of 1 each."""
Visitors = Callable[[str], Sequence[Charge]]
"""The buckets of an address that fetches what anyone may have, at a cost of 1 each."""
Take = Callable[[Sequence[Charge]], Awaitable[Charged]]
"""Takes from all of them, or from none where one refuses."""


class Stage:
    """Limits tenants by their plan and tokens by what is set, and callers without a valid token by their address.

    While no shared bucket can be asked, what `opens` names (from method and path) is let through whatever its limit:
    what an operator needs to end the emergency. What `edge.authenticate` refused is raised here, after its token was
    taken. What `delivered` names (from the path) anyone may fetch; `visitors` limits them, by address. `legacy` adds
    the older X-RateLimit-* headers, whose Reset is in epoch seconds.
    """

    def __init__(
        self,
        app: App,
        *,
        charges: Charges,
        take: Take,
        clock: Clock,
        cost: Callable[[str, str], int],
        public: Callable[[str], bool],
        opens: Callable[[str, str], bool],
        delivered: Callable[[str], bool] = lambda path: False,
        visitors: Visitors = lambda client: (),
        legacy: bool = False,
    ) -> None:
        self.app = app
        self.delivered, self.visitors = delivered, visitors
        self.charges, self.take = charges, take
        self.clock, self.cost, self.public, self.opens = clock, cost, public, opens
        self.legacy = legacy
        self.opened = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.public(scope["path"]):
            await self.app(scope, receive, send)
            return
        state = state_of(scope)
        await self._admit(scope, state)
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope, state: RequestState) -> None:
        # Who is nobody gets no work done, so that every attempt costs the same.
        cost = self.cost(scope["method"], scope["path"]) if state.principal else 1
        charges = self._charges(scope["path"], state)
        charged = await self.take([limits.at_cost(charge, cost) for charge in charges])
        state.headers += _headers(charged)
        if self.legacy:
            state.headers += _legacy_headers(charged, self.clock.now())
        if charged.decision.unshared:
            state.headers.append((b"x-degraded", b"limits"))
        if not charged.decision.allowed:
            self._open(scope, charged.decision)
        if state.refusal is not None:
            raise state.refusal

    def _charges(self, path: str, state: RequestState) -> Sequence[Charge]:
        return self.visitors(state.client) if self.delivered(path) else self.charges(state.principal, state.client)

    def _open(self, scope: Scope, refused: Decision) -> None:
        """Lets the request through all the same, or raises its refusal."""
        if not (refused.unshared and self.opens(scope["method"], scope["path"])):
            raise _refusal(limits.wait(refused))
        self.opened += 1


async def admit_unknown(charges: Charges, take: Take, client: str) -> None:
    """Raises RateLimited where the client's bucket is empty, and takes nothing from it: a right token, which the
    tenant's own limit counts, must not cost the address that it comes from."""
    charged = await take([limits.at_cost(charge, 0) for charge in charges(None, client)])
    if charged.decision.remaining < 1:
        raise _refusal(max(1, math.ceil(charged.policy.window / charged.policy.quota)))


def _refusal(wait: int) -> RateLimited:
    return RateLimited(limits.refusal(wait), headers={"Retry-After": str(wait)})


def _headers(charged: Charged) -> Headers:
    return [
        (b"ratelimit-policy", limits.policy_header(charged.policy)),
        (b"ratelimit", limits.ratelimit_header(limits.quoted(charged.policy.name), charged.decision)),
    ]


def _legacy_headers(charged: Charged, now: float) -> Headers:
    return [
        (b"x-ratelimit-limit", str(charged.policy.quota).encode()),
        (b"x-ratelimit-remaining", str(charged.decision.remaining).encode()),
        (b"x-ratelimit-reset", str(math.ceil(now) + charged.decision.reset).encode()),
    ]
