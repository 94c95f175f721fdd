from collections.abc import Sequence
from typing import Any

import pytest

from gigaday.contracts import Charge, Charged, Decision, Policy
from gigaday.edge.limit import Stage, admit_unknown
from gigaday.errors import RateLimited, Unauthenticated
from gigaday.model.plan import PLANS
from gigaday.model.request import Principal, RequestState, state_of
from gigaday.rules.limits import OPERATOR, key_of

ANONYMOUS = Policy("default", quota=100, window=900)


class Ledger:
    """One bucket a caller, that never refills; `unshared` as in an outage."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}
        self.unshared = False

    async def take(self, charges: Sequence[Charge]) -> Charged:
        [(key, policy, cost)] = charges
        left = policy.quota - self.taken.get(key, 0)
        if cost > left:
            return Charged(policy, Decision(False, left, 41, 0.2, self.unshared))
        self.taken[key] = self.taken.get(key, 0) + cost
        return Charged(policy, Decision(True, left - cost, 41, 0.0, self.unshared))


def charging(policy: Policy | None = None) -> Any:
    def charges(principal: Principal | None, client: str) -> list[Charge]:
        chosen = policy or (PLANS[principal.plan].policy if principal else ANONYMOUS)
        who = (principal.tenant or OPERATOR) if principal else client
        return [Charge(key_of(who, chosen), chosen)]

    return charges


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def stage(ledger: Ledger, clock: Any) -> Any:
    def make(app: Any, policy: Policy | None = None, legacy: bool = False) -> Stage:
        return Stage(
            app,
            charges=charging(policy),
            take=ledger.take,
            clock=clock,
            cost=lambda method, path: 10 if path == "/batch" else 1,
            public=lambda path: path == "/livez",
            opens=lambda method, path: (method, path) == ("DELETE", "/token"),
            legacy=legacy,
        )

    return make


def _state(principal: Principal | None = None, refusal: Any = None) -> RequestState:
    return RequestState("r", 0.0, client="192.0.2.1", principal=principal, refusal=refusal)


def _header(state: RequestState, name: bytes) -> str:
    return dict(state.headers)[name].decode()


async def test_limits_a_caller_without_a_plan_by_address(call: Any, stage: Any, replying: Any, ledger: Ledger) -> None:
    state = _state()
    await call(stage(replying()), state=state)
    assert ledger.taken == {"rate_limit:{192.0.2.1:default}": 1}
    assert _header(state, b"ratelimit-policy") == '"default";q=100;w=900'
    assert _header(state, b"ratelimit") == '"default";r=99;t=41'


@pytest.mark.parametrize(("tenant", "who"), [("acme", "acme"), ("", "@operator")])
async def test_limits_a_tenant_by_its_plan(
    call: Any, stage: Any, replying: Any, ledger: Ledger, tenant: str, who: str
) -> None:
    await call(stage(replying()), state=_state(Principal("t", tenant, frozenset(), "free")))
    assert ledger.taken == {f"rate_limit:{{{who}:free}}": 1}


async def test_takes_what_the_path_costs_but_never_more_than_the_quota(
    call: Any, stage: Any, replying: Any, ledger: Ledger
) -> None:
    known = Principal("t", "acme", frozenset(), "free")
    await call(stage(replying()), path="/batch", state=_state(known))
    await call(stage(replying(), policy=Policy("tiny", 3, 60)), path="/batch", state=_state(known))
    assert list(ledger.taken.values()) == [10, 3]


async def test_an_attempt_without_a_token_costs_one_wherever_it_goes(
    call: Any, stage: Any, replying: Any, ledger: Ledger
) -> None:
    await call(stage(replying()), path="/batch", state=_state())
    assert list(ledger.taken.values()) == [1]


async def test_refuses_when_the_bucket_is_empty(call: Any, stage: Any, replying: Any) -> None:
    subject = stage(replying(), policy=Policy("tiny", 1, 60))
    await call(subject, state=_state())
    state = _state()
    with pytest.raises(RateLimited) as caught:
        await call(subject, state=state)
    assert caught.value.headers["Retry-After"] == "1"
    assert _header(state, b"ratelimit") == '"tiny";r=0;t=41'


async def test_bad_credentials_cost_a_token_of_the_address(
    call: Any, stage: Any, replying: Any, ledger: Ledger
) -> None:
    subject = stage(replying(), policy=Policy("tiny", 2, 60))
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await call(subject, state=_state(refusal=Unauthenticated()))
    with pytest.raises(RateLimited):
        await call(subject, state=_state(refusal=Unauthenticated()))
    assert ledger.taken == {"rate_limit:{192.0.2.1:tiny}": 2}


async def test_an_unknown_token_is_admitted_while_its_address_has_some_left_and_costs_it_nothing(
    call: Any, stage: Any, replying: Any, ledger: Ledger
) -> None:
    tiny = Policy("tiny", 1, 90)
    await admit_unknown(charging(tiny), ledger.take, "192.0.2.1")
    await admit_unknown(charging(tiny), ledger.take, "192.0.2.1")
    await call(stage(replying(), policy=tiny), state=_state())
    with pytest.raises(RateLimited) as caught:
        await admit_unknown(charging(tiny), ledger.take, "192.0.2.1")
    assert caught.value.headers["Retry-After"] == "90"


async def test_public_paths_are_unlimited(call: Any, stage: Any, replying: Any, ledger: Ledger) -> None:
    answer = await call(stage(replying()), path="/livez", state=_state())
    assert (ledger.taken, state_of(answer.scope).headers) == ({}, [])


async def test_sends_the_older_headers_where_asked(call: Any, stage: Any, replying: Any) -> None:
    state = _state()
    await call(stage(replying(), legacy=True), state=state)
    assert _header(state, b"x-ratelimit-limit") == "100"
    assert _header(state, b"x-ratelimit-remaining") == "99"
    assert _header(state, b"x-ratelimit-reset") == "1041"


async def test_a_policy_s_name_is_quoted(call: Any, stage: Any, replying: Any) -> None:
    state = _state()
    await call(stage(replying(), policy=Policy('a"\\', 5, 60)), state=state)
    assert _header(state, b"ratelimit-policy") == '"a\\"\\\\";q=5;w=60'


async def test_in_an_outage_of_the_buckets_only_what_ends_it_is_let_through(
    call: Any, stage: Any, replying: Any, ledger: Ledger
) -> None:
    subject = stage(replying(), policy=Policy("tiny", 1, 60))
    await call(subject, state=_state())
    with pytest.raises(RateLimited):
        await call(subject, "DELETE", "/token", state=_state())
    ledger.unshared = True
    state = _state()
    assert (await call(subject, "DELETE", "/token", state=state)).status == 200
    assert _header(state, b"x-degraded") == "limits"
    with pytest.raises(RateLimited):
        await call(subject, "DELETE", "/other", state=_state())


async def test_passes_lifespan_on(lifespan: Any, stage: Any) -> None:
    assert await lifespan(stage)


async def test_what_anyone_may_fetch_has_a_limit_of_its_own_by_address(call: Any, ledger: Ledger, clock: Any) -> None:
    visitors = Policy("delivery", quota=2, window=60)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    stage = Stage(
        app, charges=charging(), take=ledger.take, clock=clock, cost=lambda method, path: 1,
        public=lambda path: False, opens=lambda method, path: False,
        delivered=lambda path: path.startswith("/files/"),
        visitors=lambda client: [Charge(key_of(client, visitors), visitors)],
    )  # fmt: skip
    state = RequestState("r", 0.0, client="192.0.2.1")
    for _ in range(2):
        await call(stage, path="/files/a", state=state)
    with pytest.raises(RateLimited):
        await call(stage, path="/files/a", state=state)
    await call(stage, path="/files/a", state=RequestState("r", 0.0, client="192.0.2.2"))
    await call(stage, path="/api/v1/products", state=state)
