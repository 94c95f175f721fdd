from typing import Any

import msgspec
import pytest

from gigaday.backends.memory import MemoryBuckets
from gigaday.contracts import Charge, Decision, Policy
from gigaday.edge.counters import Counters
from gigaday.edge.entry import Entry
from gigaday.edge.hot import Stage
from gigaday.edge.load import Caps, Load
from gigaday.model.caching import CacheRule
from gigaday.model.request import Principal

BODY = b'{"name": "' + b"Bar stool " * 60 + b'"}'
RULE = CacheRule("products", "x", "products:read", 60.0, 1)
READER = Principal("t1", "acme", frozenset({"products:read"}), "free")
HEADERS = [("host", "example.test"), ("authorization", "Bearer good")]


class OneLimit:
    version = 0
    charges = (Charge("acme", Policy("free", 5, 60)),)

    def of(self, principal: Principal | None, client: str) -> tuple[Charge, ...]:
        return self.charges


@pytest.fixture
def entries() -> dict[str, Entry]:
    headers = [(b"content-type", b"application/json"), (b"etag", b'"v1"'), (b"cache-control", b"private")]
    return {"acme /things?": Entry(200, headers, BODY, RULE), "acme /things?a=1": Entry(200, headers, b"[]", RULE)}


@pytest.fixture
def tokens() -> dict[bytes, Principal]:
    return {b"Bearer good": READER, b"Bearer other": Principal("t2", "other", frozenset({"products:read"}), "free"),
            b"Bearer writer": Principal("t3", "acme", frozenset({"products:write"}), "free")}  # fmt: skip


@pytest.fixture
def limits() -> OneLimit:
    return OneLimit()


class Trying(MemoryBuckets):
    """Each taking comes `step` seconds after the one before; `unshared` as in an outage."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock=clock)
        self.clock, self.step, self.unshared = clock, 0.0, False

    def taker(self, key: str, policy: Policy) -> Any:
        return self.take_now

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision:
        self.clock.time += self.step
        return msgspec.structs.replace(super().take_now(key, policy, cost), unshared=self.unshared)


@pytest.fixture
def buckets(clock: Any) -> Trying:
    return Trying(clock)


@pytest.fixture
async def hot(entries: Any, tokens: Any, limits: OneLimit, clock: Any, buckets: Trying) -> Any:
    for entry in entries.values():
        await entry.make("")
        await entry.make("br")

    class Fresh:
        def fresh(self, key: str, now: float) -> Any:
            return entries.get(key)

    async def below(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Stage(
        below,
        known=lambda authorization, now: tokens.get(authorization),
        responses=Fresh(),
        buckets=buckets,
        limits=limits,
        counters=Counters(),
        clock=clock,
        new_id=lambda: "made",
        public=lambda path: path == "/livez",
        load=Load(Caps(max_in_flight=10)),
        priority=lambda method, path: "health" if path == "/livez" else "list",
    )


async def test_answers_a_known_caller_from_the_cache(call: Any, hot: Stage) -> None:
    answer = await call(hot, headers=HEADERS)
    assert (answer.status, answer.body, answer.get("etag")) == (200, BODY, '"v1"')
    assert answer.get("ratelimit-policy") == '"free";q=5;w=60'
    assert answer.get("ratelimit") == '"free";r=4;t=12'
    assert (answer.get("x-request-id"), answer.get("cache-status")) == ("made", "gigaday; hit")
    assert (hot.counters.hot, hot.counters.statuses) == (1, {200: 1})


async def test_gives_each_encoding_its_own_tag_and_304_to_who_holds_it(call: Any, hot: Stage) -> None:
    br = [*HEADERS, ("accept-encoding", "br")]
    assert (await call(hot, headers=br)).get("etag") == '"v1-br"'
    held = await call(hot, headers=[*br, ("if-none-match", '"other", "v1-br"')])
    assert (held.status, held.body, held.get("etag")) == (304, b"", '"v1-br"')
    assert (await call(hot, headers=[*br, ("if-none-match", '"v1"')])).status == 200


async def test_an_empty_bucket_is_429_with_a_whole_problem(call: Any, hot: Stage) -> None:
    for _ in range(5):
        assert (await call(hot, headers=HEADERS)).status == 200
    refused = await call(hot, headers=[*HEADERS, ("x-request-id", "mine-0")])
    assert (refused.status, refused.get("retry-after")) == (429, "12")
    assert refused.get("content-length") == str(len(refused.body))
    assert (refused.json()["code"], refused.json()["request_id"]) == ("rate_limited", "mine-0")


@pytest.mark.parametrize(("method", "path"), [("GET", "/uncached"), ("POST", "/things"), ("DELETE", "/things")])
async def test_an_empty_bucket_refuses_what_is_not_cached_too(call: Any, hot: Stage, method: str, path: str) -> None:
    assert (await call(hot, method, path, headers=HEADERS)).status == 299
    for _ in range(5):
        await call(hot, headers=HEADERS)
    assert (await call(hot, method, path, headers=HEADERS)).status == 429
    assert (await call(hot, "GET", "/livez", headers=HEADERS)).status == 299


async def test_a_refusal_ends_when_there_is_a_token_again(call: Any, hot: Stage, clock: Any) -> None:
    statuses = []
    for _ in range(40):
        clock.time += 0.5
        statuses.append((await call(hot, headers=HEADERS)).status)
    assert statuses[:5] == [200] * 5
    assert statuses.count(200) == 5 + int(20 * 5 / 60)
    assert (await call(hot, "GET", "/livez", headers=HEADERS)).status == 299


async def test_a_token_that_comes_between_looking_and_taking_is_not_lost(
    call: Any, hot: Stage, clock: Any, buckets: Trying, limits: OneLimit
) -> None:
    for _ in range(5):
        await call(hot, headers=HEADERS)
    clock.time += 12
    buckets.step = 0.001
    clock.time -= 1.5 * buckets.step
    assert (await call(hot, "POST", "/other", headers=HEADERS)).status == 299
    buckets.step = 0.0
    assert buckets.take_now("acme", limits.charges[0].policy, 0).remaining == 1, "the stages below charge it"
    assert (await call(hot, headers=HEADERS)).get("ratelimit") == '"free";r=0;t=60'


async def test_without_a_shared_bucket_the_stages_decide_what_an_emergency_needs(
    call: Any, hot: Stage, buckets: Trying
) -> None:
    for _ in range(5):
        await call(hot, headers=HEADERS)
    buckets.unshared = True
    refused = await call(hot, headers=HEADERS)
    assert (refused.status, refused.get("x-degraded")) == (429, "limits")
    assert (await call(hot, "DELETE", "/token", headers=HEADERS)).status == 299


async def test_one_question_spelled_otherwise_is_the_same(call: Any, hot: Stage) -> None:
    assert (await call(hot, headers=HEADERS, query=b"a=%31")).body == b"[]"


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer good")],
        [("host", " "), ("authorization", "Bearer good")],
        [("host", ""), ("host", "b"), ("authorization", "Bearer good")],
        [("host", "a")],
        [*HEADERS, ("authorization", "Bearer good")],
        [("host", "a"), ("authorization", "Bearer bad")],
        [("host", "a"), ("authorization", "Bearer other")],
        [("host", "a"), ("authorization", "Bearer writer")],
        [*HEADERS, ("x-api-key", "other")],
        [*HEADERS, ("x-consistency-token", "n.1")],
        [*HEADERS, ("x-anything", "1")],
        [*HEADERS, ("accept-encoding", "gzip")],
        [*HEADERS, ("cookie", "a" * 5_000)],
        [*HEADERS, *[("cookie", "a")] * 50],
    ],
)
async def test_hands_on_what_it_is_not_sure_of_and_takes_nothing(call: Any, hot: Stage, headers: Any) -> None:
    assert (await call(hot, headers=headers)).status == 299
    assert (await call(hot, headers=HEADERS)).get("ratelimit") == '"free";r=4;t=12'


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [("HEAD", "/things", b""), ("GET", "/other", b""), ("GET", "/things", b"a=2"), ("GET", "/things", b"a=%ff")],
)
async def test_hands_on_what_is_not_cached(call: Any, hot: Stage, method: str, path: str, query: bytes) -> None:
    assert (await call(hot, method, path, headers=HEADERS, query=query)).status == 299


async def test_hands_on_whom_two_limits_hold(call: Any, hot: Stage, limits: OneLimit) -> None:
    limits.charges *= 2
    limits.version += 1
    assert (await call(hot, headers=HEADERS)).status == 299


async def test_follows_a_limit_that_is_set_anew(call: Any, hot: Stage, limits: OneLimit) -> None:
    await call(hot, headers=HEADERS)
    limits.charges = (Charge("acme", Policy("free", 50, 60)),)
    limits.version += 1
    assert (await call(hot, headers=HEADERS)).get("ratelimit-policy") == '"free";q=50;w=60'


async def test_follows_a_token_whose_scopes_changed(call: Any, hot: Stage, tokens: dict[bytes, Principal]) -> None:
    await call(hot, headers=HEADERS)
    tokens[b"Bearer good"] = tokens[b"Bearer writer"]
    assert (await call(hot, headers=HEADERS)).status == 299


async def test_a_full_node_refuses_at_once_but_still_gives_what_is_cached(call: Any, hot: Stage) -> None:
    hot.load.in_flight = 8
    refused = await call(hot, path="/other", headers=[("host", "a"), ("authorization", "Bearer bad")])
    assert (refused.status, refused.get("retry-after"), refused.json()["code"]) == (503, "1", "unavailable")
    assert refused.json()["request_id"] == refused.get("x-request-id") == "made"
    assert (await call(hot, headers=HEADERS)).status == 200
    assert (await call(hot, path="/livez", headers=HEADERS)).status == 299
    assert hot.load.refused == 1
    hot.load.in_flight = 7
    assert (await call(hot, path="/other", headers=HEADERS)).status == 299


async def test_passes_lifespan_on(lifespan: Any, hot: Stage) -> None:
    def make(app: Any) -> Stage:
        hot.app = app
        return hot

    assert await lifespan(make)
