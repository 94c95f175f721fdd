"""The shortest way to an answer: a known token, a leased bucket and a cached answer, without a wait in between.

What this stage answers is what the stages below would have answered (a test compares the two); whatever it is not sure
of it hands on untouched, with nothing taken from any bucket. Most requests end here, so it is written for speed: one
pass over the headers, no exceptions, and nothing built anew that is the same for every request.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from gigaday.contracts import Charge, Clock, Decision, Policy
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
_PLACE = "the-request's-id"
_MOST_HEADERS, _MOST_HEADER_BYTES = 40, 4_096
_MOST_CALLERS = 10_000
"""Made anew in microseconds, so that few are worth their kilobyte."""
_HIT = (b"cache-status", b"gigaday; hit")
_DEGRADED = (b"x-degraded", b"limits")
_SERVER = (b"server", b"gigaday")

_Answer = tuple[int, Headers, bytes]


class Fresh(Protocol):
    """The cache of answers, asked without waiting."""

    def fresh(self, key: str, now: float) -> Entry | None:
        """The answer, where one may be given as it is at this monotonic second."""


class Limits(Protocol):
    """The limits in force; `version` changes whenever they do."""

    version: int

    def of(self, principal: Principal | None, client: str) -> Sequence[Charge]:
        """The buckets of a caller."""


TakeNow = Callable[[str, Policy, int], Decision | None]


class Taking(Protocol):
    """Buckets asked without waiting."""

    def taker(self, key: str, policy: Policy) -> TakeNow:
        """`Buckets.take_now` for one bucket, for as long as the limits stay what they are."""

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        """As `Buckets` has it."""


class _Caller:
    """What is the same for every request of one token, while its principal and the limits stay."""

    __slots__ = ("key", "name", "policy", "policy_header", "principal", "refusal", "refused_until", "take_now",
                 "version")  # fmt: skip

    def __init__(self, principal: Principal, charge: Charge, take_now: TakeNow, version: int) -> None:
        self.principal, self.take_now, self.version = principal, take_now, version
        self.key, self.policy = charge.key, charge.policy
        self.name = limits.quoted(charge.policy.name)
        self.policy_header = (b"ratelimit-policy", limits.policy_header(charge.policy))
        self.refusal: tuple[Headers, bytes, bytes] | None = None
        """The last refusal, every request's until `refused_until` whatever it costs: its headers, and its body cut
        where the request's id goes in."""
        self.refused_until = 0.0

    def refuse(self, decision: Decision, cost: int, now: float) -> None:
        """Remembers a refusal until the bucket holds one token; for a second at most, as others may give some back. One
        made without a shared bucket does not hold for every request: `edge.limit` opens what an emergency needs."""
        one = decision.retry_after - (cost - 1) * self.policy.window / self.policy.quota
        self.refused_until = 0.0 if decision.unshared else now + min(one, _REMEMBERED_SECONDS)
        headers, before, after = _refusal(limits.wait(decision))
        self.refusal = [*headers, *self.told(decision)], before, after

    def told(self, decision: Decision) -> Sequence[tuple[bytes, bytes]]:
        """What every answer says of the limit."""
        left = (b"ratelimit", limits.ratelimit_header(self.name, decision))
        return (self.policy_header, left, _DEGRADED) if decision.unshared else (self.policy_header, left)


class Stage:
    """`known` gives the principal of an Authorization header, where it is known without asking anyone."""

    def __init__(
        self,
        app: App,
        *,
        known: Callable[[bytes, float], Principal | None],
        responses: Fresh,
        buckets: Taking,
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
        self.taker, self.give_back = buckets.taker, buckets.give_back
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
        principal = self.known(authorization, now)
        caller = self._caller(principal) if principal is not None else None
        if principal is None or caller is None:
            return None
        path = scope["path"]
        id = self.new_id() if given is None else chosen(given.decode("latin-1"), self.new_id)
        if now < caller.refused_until:
            return None if self.public(path) else _refused(caller, id)
        entry = self._entry(scope, principal, now)
        if entry is None:
            return _refused(caller, id) if self._spent(path, caller, now) else None
        variant = entry.variant(accept.decode("latin-1"))
        decision = self._taken(caller, entry.cost, now) if variant is not None else None
        if variant is None or decision is None:
            return None
        return _told(caller, decision, variant, held, id) if decision.allowed else _refused(caller, id)

    def _shed(self, scope: Scope) -> _Answer | None:
        """The refusal of a request that is one too many: the sooner it is told, the more is left for the others."""
        if not self.load.refuses(self.priority(scope["method"], scope["path"])):
            return None
        named = self.new_id().encode()
        headers, before, after = _overload()
        return 503, [*headers, (b"x-request-id", named), _SERVER, _length(before, named, after)], before + named + after

    def _entry(self, scope: Scope, principal: Principal, now: float) -> Entry | None:
        """The cached answer that this caller may have."""
        query = cache_keys.canonical(scope["query_string"]) if scope["method"] == "GET" else None
        if query is None:
            return None
        entry = self.fresh(cache_keys.key(principal.tenant, scope["path"], query), now)
        return entry if entry is not None and entry.status == 200 and entry.scope in principal.scopes else None

    def _taken(self, caller: _Caller, cost: int, now: float) -> Decision | None:
        cost = min(cost, caller.policy.quota)
        decision = caller.take_now(caller.key, caller.policy, cost)
        if decision is not None and not decision.allowed:
            caller.refuse(decision, cost, now)
        return decision

    def _spent(self, path: str, caller: _Caller, now: float) -> bool:
        """Whether the bucket is empty, whatever a request that is not cached costs: a caller that goes on when it
        should wait is not worth more work."""
        if self.public(path):
            return False
        looked = caller.take_now(caller.key, caller.policy, 0)
        if looked is None or looked.unshared or looked.remaining >= 1:
            return False
        decision = self._taken(caller, 1, now)
        if decision is not None and decision.allowed:  # refilled since the look: the stages below charge it
            self.give_back(caller.key, caller.policy, 1)
            return False
        return decision is not None

    def _caller(self, principal: Principal) -> _Caller | None:
        """None for one whom several limits hold."""
        caller = self._callers.get(principal.token_id)
        if caller is None or caller.principal is not principal or caller.version != self.limits.version:
            charges = self.limits.of(principal, "")
            if len(charges) > 1 or self.legacy:
                return None
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            take_now = self.taker(charges[0].key, charges[0].policy)
            caller = self._callers[principal.token_id] = _Caller(principal, charges[0], take_now, self.limits.version)
        return caller


def _refused(caller: _Caller, id: str) -> _Answer | None:
    if caller.refusal is None:
        return None
    headers, before, after = caller.refusal
    named = id.encode()
    return 429, [*headers, (b"x-request-id", named), _SERVER, _length(before, named, after)], before + named + after


def _told(caller: _Caller, decision: Decision, variant: Variant, held: bytes, id: str) -> _Answer:
    named = (b"x-request-id", id.encode())
    if held and (held == variant.tag or etags.matches(held.decode("latin-1"), variant.etag, weak=True)):
        return 304, [*variant.held, _HIT, *caller.told(decision), named, _SERVER], b""
    return 200, [*variant.headers, _HIT, *caller.told(decision), named, _SERVER], variant.body


def _length(*parts: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(sum(map(len, parts))).encode()


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


@lru_cache(maxsize=1_024)
def _refusal(seconds: int) -> tuple[Headers, bytes, bytes]:
    """The headers of a 429, but for its length, and its body, cut where the request's id goes in."""
    return _cut(RateLimited(limits.refusal(seconds), headers={"Retry-After": str(seconds)}))


@lru_cache(maxsize=1)
def _overload() -> tuple[Headers, bytes, bytes]:
    """The same of a 503."""
    return _cut(Unavailable(FULL))


def _cut(error: ApiError) -> tuple[Headers, bytes, bytes]:
    _, headers, body = render(error, _PLACE)
    before, _, after = body.rpartition(_PLACE.encode())
    return [header for header in headers if header[0] != b"content-length"], before, after
