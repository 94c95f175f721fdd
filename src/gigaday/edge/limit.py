"""Takes the request's cost from the caller's token bucket and tells what is left on every answer."""

import math
from collections.abc import Callable

from gigaday.contracts import Buckets, Clock, Decision, Policy
from gigaday.edge.asgi import App, Headers, Receive, Scope, Send
from gigaday.errors import RateLimited
from gigaday.model.request import Principal, RequestState, state_of

OPERATOR = "@operator"
"""Stands for the operator in keys; no tenant id can hold an "@"."""


class Stage:
    """Limits tenants by their plan, and callers without a valid token by their address.

    What `edge.authenticate` refused is raised here, after its token was taken. `legacy` adds the older X-RateLimit-*
    headers, whose Reset is in epoch seconds.
    """

    def __init__(
        self,
        app: App,
        *,
        buckets: Buckets,
        clock: Clock,
        policy_for: Callable[[Principal | None], Policy],
        cost: Callable[[str, str], int],
        public: Callable[[str], bool],
        legacy: bool = False,
    ) -> None:
        self.app = app
        self.buckets = buckets
        self.clock = clock
        self.policy_for = policy_for
        self.cost = cost
        self.public = public
        self.legacy = legacy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.public(scope["path"]):
            await self._admit(scope, state_of(scope))
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope, state: RequestState) -> None:
        state.policy = policy = self.policy_for(state.principal)
        # Who is nobody gets no work done, so that every attempt costs the same. A cost over the whole quota would
        # never be admitted, whatever Retry-After says.
        cost = min(self.cost(scope["method"], scope["path"]), policy.quota) if state.principal else 1
        decision = await self.buckets.take(_key(state, policy), policy, cost)
        state.headers += _headers(policy, decision)
        if self.legacy:
            state.headers += _legacy_headers(policy, decision, self.clock.now())
        if not decision.allowed:
            wait = max(1, math.ceil(decision.retry_after))
            raise RateLimited(f"Try again in {wait} s", headers={"Retry-After": str(wait)})
        if state.refusal is not None:
            raise state.refusal


def _key(state: RequestState, policy: Policy) -> str:
    """The bucket's key. The braces are a Redis hash tag: all that one decision touches lies in one slot."""
    who = (state.principal.tenant or OPERATOR) if state.principal else state.client
    return f"rate_limit:{{{who}:{policy.name}}}"


def _headers(policy: Policy, decision: Decision) -> Headers:
    """As draft-ietf-httpapi-ratelimit-headers-11; `t` is the seconds until the quota is whole again."""
    name = '"' + policy.name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return [
        (b"ratelimit-policy", f"{name};q={policy.quota};w={policy.window}".encode()),
        (b"ratelimit", f"{name};r={decision.remaining};t={decision.reset}".encode()),
    ]


def _legacy_headers(policy: Policy, decision: Decision, now: float) -> Headers:
    return [
        (b"x-ratelimit-limit", str(policy.quota).encode()),
        (b"x-ratelimit-remaining", str(decision.remaining).encode()),
        (b"x-ratelimit-reset", str(math.ceil(now) + decision.reset).encode()),
    ]
