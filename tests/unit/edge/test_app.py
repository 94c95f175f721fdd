"""The whole edge around a tiny origin."""

from collections.abc import Sequence
from typing import Any

import pytest

from gigaday.backends.memory import MemoryBuckets
from gigaday.contracts import Charge, Charged, Decision, Policy
from gigaday.edge import app as edge
from gigaday.edge.counters import Counters
from gigaday.edge.load import Caps, Load
from gigaday.errors import BackendDown
from gigaday.limiting.shadow import Shadowed
from gigaday.model.request import Principal

HOST = ("host", "example.test")


class OneBucket:
    def __init__(self, left: int) -> None:
        self.left = left

    async def take(self, charges: Sequence[Charge]) -> Charged:
        [(_, policy, cost)] = charges
        allowed = self.left >= cost
        self.left -= cost if allowed else 0
        return Charged(policy, Decision(allowed, self.left, 9, 0.0 if allowed else 2.5))


class OneLimit:
    version = 0

    def of(self, principal: Principal | None, client: str) -> list[Charge]:
        return [Charge("one", Policy("default", 5, 60))]


class Uncached:
    def fresh(self, key: str, now: float) -> None:
        return None

    async def fetch(self, *asked: Any, **more: Any) -> Any:
        raise AssertionError("nothing here is cached")


async def _lookup(token: str, admit: Any) -> Principal | None:
    await admit()
    if token == "down":
        raise BackendDown
    return Principal("t", "acme", frozenset(), "free") if token == "good" else None


@pytest.fixture
def build(clock: Any, log: Any) -> Any:
    def make(origin: Any, left: int = 5) -> Any:
        return edge.build(
            origin,
            edge.Collaborators(
                clock=clock,
                counters=Counters(),
                new_id=lambda: "made",
                log=log.logger,
                access_log=log.logger,
                load=Load(Caps()),
                body_cap=lambda method, path: 10,
                priority=lambda method, path: "read",
                streams=lambda method, path: False,
                public=lambda path: path == "/livez",
                lookup=_lookup,
                known=lambda authorization, now: None,
                limits=OneLimit(),
                buckets=Shadowed(*[MemoryBuckets(clock=clock)] * 2, lambda key, policy: None),
                take=OneBucket(left).take,
                responses=Uncached(),
                seen=lambda receipt: True,
                rule_for=lambda method, path: None,
                cost=lambda method, path: 1,
                at_once=lambda principal: 5,
                opens=lambda method, path: False,
            ),
        )

    return make


async def test_an_answer_carries_id_limits_and_tag(call: Any, build: Any, replying: Any) -> None:
    answer = await call(build(replying(b"x" * 600)), headers=[HOST, ("x-api-key", "good"), ("accept-encoding", "br")])
    assert answer.status == 200
    assert answer.get("x-request-id") == "made"
    assert answer.get("ratelimit") == '"default";r=4;t=9'
    assert answer.get("content-encoding") == "br"


async def test_a_refused_token_is_limited_and_told(call: Any, build: Any, replying: Any) -> None:
    app = build(replying(), left=1)
    first, second = [await call(app, headers=[HOST, ("x-api-key", "bad")]) for _ in range(2)]
    assert (first.status, first.get("ratelimit"), first.json()["request_id"]) == (401, '"default";r=0;t=9', "made")
    assert (second.status, second.get("retry-after")) == (429, "3")


async def test_an_outage_of_the_tokens_is_503(call: Any, build: Any, replying: Any) -> None:
    answer = await call(build(replying()), headers=[HOST, ("x-api-key", "down")])
    assert (answer.status, answer.get("retry-after")) == (503, "1")


async def test_every_refusal_is_a_problem_and_logged(call: Any, build: Any, replying: Any, log: Any) -> None:
    app = build(replying())
    answers = [
        await call(app, headers=[]),
        await call(app, headers=[HOST, ("x", "y" * 17_000)]),
        await call(app, path="/" + "a" * 9_000),
        await call(app, "POST", headers=[HOST, ("content-length", "11")]),
    ]
    assert [answer.status for answer in answers] == [400, 431, 414, 413]
    assert {answer.get("content-type") for answer in answers} == {"application/problem+json"}
    assert [line["status"] for line in log.lines] == [400, 431, 414, 413]


async def test_health_answers_when_the_bucket_is_empty(call: Any, build: Any, replying: Any) -> None:
    answer = await call(build(replying(), left=0), path="/livez")
    assert (answer.status, answer.get("ratelimit")) == (200, None)


async def test_lifespan_reaches_the_origin(lifespan: Any, build: Any) -> None:
    assert await lifespan(build)
