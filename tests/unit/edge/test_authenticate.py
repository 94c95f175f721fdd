from ipaddress import ip_network
from typing import Any

import pytest

from gigaday.edge.authenticate import Stage
from gigaday.errors import BackendDown, RateLimited
from gigaday.model.request import Principal, RequestState, state_of

ALICE = Principal("tok1", "acme", frozenset(("products:read",)), "free")


class Tokens:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.spent: set[str] = set()

    async def admit(self, client: str) -> None:
        if client in self.spent:
            raise RateLimited

    async def lookup(self, token: str, admit: Any) -> Principal | None:
        if token != "known":
            await admit()
        self.asked.append(token)
        if self.down:
            raise BackendDown
        return ALICE if token in ("good", "known") else None


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def stage(tokens: Tokens) -> Any:
    def make(app: Any) -> Stage:
        return Stage(
            app,
            lookup=tokens.lookup,
            admit=tokens.admit,
            public=lambda path: path == "/livez",
            trusted_proxies=[ip_network("10.0.0.0/8"), ip_network("fd00::/8")],
        )

    return make


@pytest.fixture
def identify(call: Any, stage: Any, replying: Any) -> Any:
    async def run(*headers: tuple[str, str], **more: Any) -> RequestState:
        return state_of((await call(stage(replying()), headers=headers, **more)).scope)

    return run


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer good")],
        [("authorization", "bearer  good ")],
        [("x-api-key", "good")],
        [("authorization", "Bearer good"), ("x-api-key", "good")],
    ],
)
async def test_finds_the_principal(identify: Any, headers: Any) -> None:
    state = await identify(*headers)
    assert (state.principal, state.refusal) == (ALICE, None)


async def test_no_credentials_is_nobody_and_no_refusal(identify: Any, tokens: Tokens) -> None:
    state = await identify()
    assert (state.principal, state.refusal, tokens.asked) == (None, None, [])


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer bad")],
        [("x-api-key", "bad")],
        [("authorization", "Basic Z29vZA==")],
        [("authorization", "good")],
        [("authorization", "Bearer")],
        [("authorization", "")],
        [("x-api-key", "")],
        [("authorization", "Bearer good good")],
        [("authorization", "Bearer good"), ("x-api-key", "bad")],
        [("authorization", "Bearer good"), ("authorization", "Bearer other")],
        [("authorization", "Bearer " + "a" * 10_000)],
        [("authorization", "Bearer g\x00od")],
        [("authorization", "Bearer göod")],
        [("authorization", "Bearer good"), ("authorization", "Negotiate x")],
    ],
)
async def test_bad_credentials_are_refused_with_a_challenge(identify: Any, headers: Any) -> None:
    state = await identify(*headers)
    assert state.principal is None
    assert state.refusal.status == 401
    assert state.refusal.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_what_cannot_be_a_token_is_not_looked_up(identify: Any, tokens: Tokens) -> None:
    await identify(("authorization", "Bearer " + "a" * 513))
    await identify(("authorization", "Basic x"))
    assert tokens.asked == []


async def test_past_its_limit_an_address_has_no_unknown_token_looked_up(identify: Any, tokens: Tokens) -> None:
    tokens.spent.add("192.0.2.1")
    state = await identify(("x-api-key", "good"))
    assert (state.principal, state.refusal.status, tokens.asked) == (None, 429, [])
    assert (await identify(("x-api-key", "known"))).principal == ALICE
    assert (await identify(("x-api-key", "good"), client=("192.0.2.9", 1))).principal == ALICE


async def test_an_outage_is_no_refusal(identify: Any, tokens: Tokens) -> None:
    tokens.down = True
    with pytest.raises(BackendDown):
        await identify(("x-api-key", "good"))


async def test_public_paths_ignore_credentials(identify: Any, tokens: Tokens) -> None:
    tokens.down = True
    state = await identify(("x-api-key", "bad"), path="/livez")
    assert (state.refusal, state.client, tokens.asked) == (None, "192.0.2.1", [])


async def test_believes_forwarded_addresses_of_trusted_proxies_alone(identify: Any) -> None:
    forwarded = ("x-forwarded-for", "1.1.1.1, 198.51.100.9")
    assert (await identify(forwarded)).client == "192.0.2.1"
    assert (await identify(forwarded, client=("10.0.0.1", 1))).client == "198.51.100.9"
    split = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.9, 10.2.2.2")]
    assert (await identify(*split, client=("10.0.0.1", 1))).client == "198.51.100.9"


async def test_a_peer_without_an_address_is_one_client(identify: Any) -> None:
    assert (await identify(client=None)).client == "@unknown"


async def test_passes_lifespan_on(lifespan: Any, stage: Any) -> None:
    assert await lifespan(stage)
