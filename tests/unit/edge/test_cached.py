from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gigaday.edge.cached import Load, Stage
from gigaday.edge.entry import Entry
from gigaday.errors import Forbidden, NotFound
from gigaday.model.caching import CacheRule
from gigaday.model.mode import NORMAL, Mode, of_level
from gigaday.model.request import Principal, RequestState
from gigaday.rules.freshness import Lifetime

BODY = b'{"data": "' + b"abc " * 200 + b'"}'
RULE = CacheRule("products", "", "products:read", 60.0, 2)


class Kept:
    """A cache that keeps everything, and notes under which tags."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.tags: dict[str, Sequence[str]] = {}
        self.lifetimes: dict[str, float] = {}
        self.how = "hit"
        self.stale: dict[str, Entry] = {}

    def held(self, key: str) -> tuple[Entry, str] | None:
        return (self.stale[key], "degraded") if key in self.stale else None

    async def fetch(
        self, key: str, tags: Sequence[str], load: Load, lifetime: Callable[[Entry], Lifetime], *, direct: bool = False
    ) -> tuple[Entry, str]:
        if key in self.entries and not direct:
            return self.entries[key], self.how
        self.tags[key] = tags
        self.entries[key] = await load()
        self.lifetimes[key] = lifetime(self.entries[key]).ttl
        return self.entries[key], "miss"


def reader(tenant: str = "acme", scopes: Sequence[str] = ("products:read",)) -> RequestState:
    return RequestState("r", 0.0, principal=Principal("t", tenant, frozenset(scopes), "free"))


class Origin:
    """Answers, and notes what it was asked with."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope)
        if self.error is not None:
            raise self.error
        headers = [(b"content-type", b"application/json"), (b"etag", b'"abc"')]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def app(origin: Origin, kept: Kept) -> Stage:
    return staged(origin, kept)


def staged(origin: Origin, kept: Kept, mode: Mode = NORMAL, sure: Callable[[], bool] = lambda: True) -> Stage:
    return Stage(
        origin,
        responses=kept,
        seen={"n.1"}.__contains__,
        rule_for=lambda method, path: RULE if method in ("GET", "HEAD") else None,
        mode_of=lambda tenant: mode,
        sure=sure,
    )


async def test_the_second_request_is_answered_from_the_cache(call: Any, app: Stage, origin: Origin) -> None:
    first, second = await call(app, state=reader()), await call(app, state=reader())
    assert (first.body, second.body) == (BODY, BODY)
    assert first.get("cache-status") == "gigaday; fwd=uri-miss; stored"
    assert second.get("cache-status") == "gigaday; hit"
    assert len(origin.asked) == 1


async def test_a_head_fills_what_a_get_is_given(call: Any, app: Stage, origin: Origin) -> None:
    assert (await call(app, "HEAD", state=reader())).body == b""
    assert (await call(app, state=reader())).body == BODY
    assert len(origin.asked) == 1


async def test_the_holder_of_the_version_gets_304(call: Any, app: Stage) -> None:
    held = await call(app, state=reader(), headers=[("if-none-match", '"abc"')])
    assert (held.status, held.body) == (304, b"")


async def test_tenants_share_nothing(call: Any, app: Stage, origin: Origin, kept: Kept) -> None:
    for tenant in ("acme", "other"):
        await call(app, state=reader(tenant))
    assert len(origin.asked) == 2
    assert [under[-2] for under in kept.tags.values()] == ["acme", "other"]


async def test_what_a_tenant_publishes_is_one_answer_for_anyone_until_it_no_longer_does(
    call: Any, origin: Origin, kept: Kept
) -> None:
    rule = CacheRule("products", "", "", 60.0, 1, tenant="acme")
    app = Stage(origin, responses=kept, seen=bool, rule_for=lambda method, path: rule)
    for state in (RequestState("r", 0.0), reader("other")):
        assert (await call(app, state=state)).body == BODY
    assert len(origin.asked) == 1
    [under] = kept.tags.values()
    assert {"acme/products/", "operator/tenants/acme"} <= set(under)


async def test_who_lacks_the_scope_is_sent_to_the_origin(call: Any, app: Stage, origin: Origin) -> None:
    await call(app, state=reader())
    origin.error = Forbidden()
    for state in (reader(scopes=("media:read",)), RequestState("r", 0.0)):
        with pytest.raises(Forbidden):
            await call(app, state=state)


async def test_no_header_of_a_request_reaches_what_others_are_answered(call: Any, app: Stage, origin: Origin) -> None:
    poison = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-original-url", "/admin"),
        ("range", "bytes=0-1"),
    ]
    await call(app, state=reader(), headers=poison, query=b"b=2&a=1")
    assert [(scope["headers"], scope["query_string"]) for scope in origin.asked] == [([], b"a=1&b=2")]


async def test_one_question_has_one_key(call: Any, app: Stage, origin: Origin) -> None:
    for query in (b"a=1&b=2", b"b=2&a=1", b"b=%32&a=1"):
        await call(app, state=reader(), query=query)
    await call(app, state=reader(), query=b"a=1")
    assert len(origin.asked) == 2


async def test_what_is_missing_is_cached_too_and_raised_anew_each_time(
    call: Any, app: Stage, origin: Origin, kept: Kept
) -> None:
    origin.error = NotFound("There is no such product.")
    for _ in range(2):
        with pytest.raises(NotFound, match="no such product"):
            await call(app, state=reader())
    assert len(origin.asked) == 1
    assert max(kept.lifetimes.values()) <= 30


async def test_an_answer_that_could_not_be_renewed_says_so(call: Any, app: Stage, kept: Kept) -> None:
    await call(app, state=reader())
    kept.how = "degraded"
    state = reader()
    answer = await call(app, state=state)
    assert (answer.status, answer.get("cache-status")) == (200, "gigaday; hit; detail=stale-if-error")
    assert (b"x-degraded", b"stale") in state.headers


async def test_a_write_not_heard_of_yet_is_read_from_the_origin(call: Any, app: Stage, origin: Origin) -> None:
    await call(app, state=reader())
    seen = await call(app, state=reader(), headers=[("x-consistency-token", "n.1")])
    unseen = await call(app, state=reader(), headers=[("x-consistency-token", "n.2")])
    assert (seen.get("cache-status"), unseen.get("cache-status")) == (
        "gigaday; hit", "gigaday; fwd=uri-miss; stored",
    )  # fmt: skip
    assert len(origin.asked) == 2


async def test_serving_stale_answers_with_what_is_there_and_asks_the_origin_for_the_rest(
    call: Any, origin: Origin, kept: Kept
) -> None:
    await call(staged(origin, kept), state=reader())
    kept.stale, kept.entries = kept.entries, {}
    app, state = staged(origin, kept, of_level("serve_stale")), reader()
    answer = await call(app, state=state)
    assert (answer.status, answer.get("cache-status")) == (200, "gigaday; hit; detail=stale-if-error")
    assert state.headers == [(b"x-degraded", b"serve_stale")]
    assert len(origin.asked) == 1
    kept.stale = {}
    assert (await call(app, state=reader())).status == 200
    assert len(origin.asked) == 2


async def test_serving_stale_shows_a_writer_what_it_wrote(call: Any, origin: Origin, kept: Kept) -> None:
    await call(staged(origin, kept), state=reader())
    kept.stale = dict(kept.entries)
    unseen = [("x-consistency-token", "n.2")]
    answer = await call(staged(origin, kept, of_level("serve_stale")), state=reader(), headers=unseen)
    assert answer.get("cache-status") == "gigaday; fwd=uri-miss; stored"


async def test_a_mode_may_have_answers_live_longer(call: Any, origin: Origin, kept: Kept) -> None:
    await call(staged(origin, kept, Mode(lifetimes=4.0)), state=reader())
    assert list(kept.lifetimes.values()) == [240.0]


@pytest.mark.parametrize("vouched", [[False, True, True], [True, False, True]])
async def test_what_the_database_could_not_vouch_for_is_soon_forgotten(
    call: Any, origin: Origin, kept: Kept, vouched: list[bool]
) -> None:
    asked = iter(vouched)  # before the load, after it, and for the answer
    await call(staged(origin, kept, sure=lambda: next(asked, True)), state=reader())
    assert list(kept.lifetimes.values()) == [1.0]


async def test_an_answer_from_a_database_without_a_primary_says_so(call: Any, origin: Origin, kept: Kept) -> None:
    app = staged(origin, kept, sure=lambda: False)
    loaded, cached, uncached = reader(), reader(), reader(scopes=("other:read",))
    for state in (loaded, cached, uncached):
        await call(app, state=state)
    assert loaded.headers == uncached.headers == [(b"x-degraded", b"read_only")]
    assert cached.headers == []


async def test_passes_lifespan_on(lifespan: Any) -> None:
    assert await lifespan(lambda app: Stage(app, responses=Kept(), seen=bool, rule_for=lambda method, path: None))
