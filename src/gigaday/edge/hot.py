"""The shortest way to an answer: a known token, a leased bucket and a cached answer, without a wait in between.

What this stage answers is what the stages below would have answered (a test compares the two); whatever it is not sure
of it hands on untouched, with nothing taken from any bucket. Most requests end here, so it is written for speed: one
pass over the headers, no exceptions, and nothing built anew that is the same for every request.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from gigaday.contracts import Buckets, Charge, Clock, Decision
from gigaday.edge.asgi import App, Headers, Receive, Scope, Send
from gigaday.edge.counters import Counters
from gigaday.edge.entry import Entry, Variant
from gigaday.edge.load import FULL, Load, Priority
from gigaday.edge.problem_json import render
from gigaday.edge.request_ids import chosen
from gigaday.errors import ApiError, RateLimited, Unavailable
from gigaday.model.request import Principal
from gigaday.rules import cache_keys, etags, limits

_HARMLESS = frozenset(
    (b"accept", b"user-agent", b"accept-language", b"connection", b"cache-control", b"pragma", b"referer", b"origin",
     b"dnt", b"priority", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"forwarded",
     b"cookie", b"te", b"upgrade-insecure-requests", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site",
     b"sec-fetch-user", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"traceparent", b"tracestate")
)  # fmt: skip
"""Headers that shape no answer. Any that is neither here nor read below hands the request on."""
_READ = {b"host": 0, b"authorization": 1, b"accept-encoding": 2, b"if-none-match": 3, b"x-request-id": 4}
_REMEMBERED_SECONDS = 1.0
_MOST_HEADERS, _MOST_HEADER_BYTES = 40, 4_096
_MOST_CALLERS = 10_000
"""Made anew in microseconds, so that few are worth their kilobyte."""
_HIT = (b"cache-status", b"gigaday; hit")
_DEGRADED = (b"x-degraded", b"limits")
_SERVER = (b"server", b"gigaday")

_Answer = tuple[int, Headers, bytes]


class Fresh(Protocol):
    """The cache of answers, asked without waiting."""

    def fresh(self, key: str) -> Entry | None:
        """The answer, where one may be given as it is."""


class Limits(Protocol):
    """The limits in force; `version` changes whenever they do."""

    version: int

    def of(self, principal: Principal | None, client: str) -> Sequence[Charge]:
        """The buckets of a caller."""


class _Caller:
    """What is the same for every request of one token, while its principal and the limits stay."""

    __slots__ = ("key", "name", "policy", "policy_header", "principal", "refusal", "refused_until", "version")

    def __init__(self, principal: Principal, charge: Charge, version: int) -> None:
        self.principal, self.version = principal, version
        self.key, self.policy = charge.key, charge.policy
        self.name = limits.quoted(charge.policy.name)
        self.policy_header = (b"ratelimit-policy", limits.policy_header(charge.policy))
        self.refusal: Decision | None = None
        """The last refusal, which is every request's until `refused_until`, whatever it costs."""
        self.refused_until = 0.0

    def refuse(self, decision: Decision, cost: int, now: float) -> None:
        """Remembers a refusal until the bucket holds one token; for a second at most, as others may give some back."""
        one = decision.retry_after - (cost - 1) * self.policy.window / self.policy.quota
        self.refusal, self.refused_until = decision, now + min(one, _REMEMBERED_SECONDS)


class Stage:
    """`known` gives the principal of an Authorization header, where it is known without asking anyone."""

    def __init__(
        self,
        app: App,
        *,
        known: Callable[[bytes], Principal | None],
        responses: Fresh,
        buckets: Buckets,
        limits: Limits,
        counters: Counters,
        clock: Clock,
        new_id: Callable[[], str],
        public: Callable[[str], bool],
        load: Load,
        priority: Callable[[str, str], Priority],
        legacy: bool = False,
    ) -> None:
        self.app = app
        self.known, self.fresh, self.limits = known, responses.fresh, limits
        self.take_now, self.give_back = buckets.take_now, buckets.give_back
        self.counters, self.monotonic, self.new_id = counters, clock.monotonic, new_id
        self.public, self.load, self.priority, self.legacy = public, load, priority, legacy
        self._callers: dict[str, _Caller] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = self.monotonic()
        answer = self._answer(scope, started)
        if answer is None and self.load.tight:
            answer = self._shed(scope)
        if answer is None:
            await self.app(scope, receive, send)
            return
        status, headers, body = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.counters.hot += 1
        self.counters.record(status, self.monotonic() - started)

    def _answer(self, scope: Scope, now: float) -> _Answer | None:
        read = _read(scope["headers"])
        if read is None:
            return None
        authorization, accept, held, given = read
        principal = self.known(authorization)
        caller = self._caller(principal) if principal is not None else None
        if principal is None or caller is None:
            return None
        variant = None
        if now < caller.refused_until:
            decision = None if self.public(scope["path"]) else caller.refusal
        elif (entry := self._entry(scope, principal)) is not None:
            variant = entry.variant(accept.decode("latin-1"))
            decision = self._taken(caller, entry.cost, now) if variant is not None else None
        else:
            decision = self._refused(scope["path"], caller, now)
        if decision is None:
            return None
        id = self.new_id() if given is None else chosen(given.decode("latin-1"), self.new_id)
        return _told(caller, decision, variant, held, id)

    def _shed(self, scope: Scope) -> _Answer | None:
        """The refusal of a request that is one too many: the sooner it is told, the more is left for the others."""
        if not self.load.refuses(self.priority(scope["method"], scope["path"])):
            return None
        id = self.new_id()
        headers, before, after = _overload(len(id))
        return 503, [*headers, (b"x-request-id", id.encode()), _SERVER], before + id.encode() + after

    def _entry(self, scope: Scope, principal: Principal) -> Entry | None:
        """The cached answer that this caller may have."""
        query = cache_keys.canonical(scope["query_string"]) if scope["method"] == "GET" else None
        if query is None:
            return None
        entry = self.fresh(cache_keys.key(principal.tenant, scope["path"], query))
        return entry if entry is not None and entry.status == 200 and entry.scope in principal.scopes else None

    def _taken(self, caller: _Caller, cost: int, now: float) -> Decision | None:
        cost = min(cost, caller.policy.quota)
        decision = self.take_now(caller.key, caller.policy, cost)
        if decision is not None and not decision.allowed:
            caller.refuse(decision, cost, now)
        return decision

    def _refused(self, path: str, caller: _Caller, now: float) -> Decision | None:
        """The refusal of a request that is not cached, where the bucket is empty whatever it costs: a caller that goes
        on when it should wait is not worth more work."""
        if self.public(path):
            return None
        looked = self.take_now(caller.key, caller.policy, 0)
        if looked is None or looked.remaining >= 1:
            return None
        decision = self._taken(caller, 1, now)
        if decision is not None and decision.allowed:  # a token has come meanwhile
            self.give_back(caller.key, caller.policy, 1)
            return None
        return decision

    def _caller(self, principal: Principal) -> _Caller | None:
        """None for one whom several limits hold."""
        caller = self._callers.get(principal.token_id)
        if caller is None or caller.principal is not principal or caller.version != self.limits.version:
            charges = self.limits.of(principal, "")
            if len(charges) > 1 or self.legacy:
                return None
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            caller = self._callers[principal.token_id] = _Caller(principal, charges[0], self.limits.version)
        return caller


def _told(caller: _Caller, decision: Decision, variant: Variant | None, held: bytes, id: str) -> _Answer:
    own = [
        caller.policy_header,
        (b"ratelimit", limits.ratelimit_header(caller.name, decision)),
        (b"x-request-id", id.encode()),
        _SERVER,
    ]
    if decision.unshared:
        own.append(_DEGRADED)
    if variant is None or not decision.allowed:
        headers, before, after = _refusal(limits.wait(decision), len(id))
        return 429, [*headers, *own], before + id.encode() + after
    if held and _names(held, variant.etag):
        return 304, [*variant.held, _HIT, *own], b""
    return 200, [*variant.headers, _HIT, *own], variant.body


def _read(headers: Headers) -> tuple[bytes, bytes, bytes, bytes | None] | None:
    """Authorization, Accept-Encoding, If-None-Match, X-Request-Id; None where one is repeated, Host or Authorization
    lacks, or there is a header that may shape the answer."""
    found: list[bytes | None] = [None] * 5
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        place = _READ.get(name)
        if place is None:
            if name not in _HARMLESS:
                return None
        elif found[place] is not None:
            return None
        else:
            found[place] = value
    host, authorization, accept, held, given = found
    if not host or not authorization or size > _MOST_HEADER_BYTES or len(headers) > _MOST_HEADERS or host.isspace():
        return None
    return authorization, accept or b"", held or b"", given


def _names(held: bytes, etag: str) -> bool:
    text = held.decode("latin-1")
    return text == etag or etags.matches(text, etag, weak=True)


@lru_cache(maxsize=1_024)
def _refusal(seconds: int, id_length: int) -> tuple[Headers, bytes, bytes]:
    """The headers of a 429 and its body, cut where the request's id goes in."""
    return _cut(RateLimited(limits.refusal(seconds), headers={"Retry-After": str(seconds)}), id_length)


@lru_cache(maxsize=64)
def _overload(id_length: int) -> tuple[Headers, bytes, bytes]:
    """The same of a 503."""
    return _cut(Unavailable(FULL), id_length)


def _cut(error: ApiError, id_length: int) -> tuple[Headers, bytes, bytes]:
    place = "0" * id_length
    _, headers, body = render(error, place)
    before, _, after = body.rpartition(place.encode())
    return headers, before, after
