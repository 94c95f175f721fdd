"""Answers from the cache where the operation allows it.

The origin is asked for a cached answer with nothing but what its key holds: no header of the request reaches it, so
none can shape what others are answered.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gigaday.edge.asgi import App, Message, Receive, Scope, Send, first
from gigaday.edge.compression import trimmed
from gigaday.edge.entry import Entry
from gigaday.edge.negotiated import Negotiated, send_entry
from gigaday.errors import NotFound
from gigaday.model.caching import CacheRule
from gigaday.model.mode import NORMAL, Mode
from gigaday.model.request import CONSISTENCY, Principal, state_of
from gigaday.rules import cache_keys, tags
from gigaday.rules.freshness import Lifetime

_MISSING_SECONDS = 30.0
"""How long it is believed that something is not there."""
_UNSURE_SECONDS = 1.0
"""How long an answer is believed that was read while the database could not vouch for its being the latest."""
STATUS = {
    "hit": b"gigaday; hit",
    "stale": b"gigaday; hit; detail=stale",
    "degraded": b"gigaday; hit; detail=stale-if-error",
    "shared": b"gigaday; hit; detail=shared",
    "miss": b"gigaday; fwd=uri-miss; stored",
}
"""Cache-Status (RFC 9211) of each way to an answer."""

Load = Callable[[], Awaitable[Entry]]


class Responses(Protocol):
    """The cache of answers, as `caching.coherent` has it."""

    async def fetch(
        self, key: str, tags: Sequence[str], load: Load, lifetime: Callable[[Entry], Lifetime], *, direct: bool = False
    ) -> tuple[Entry, str]:
        """The answer, and how it was come by (a key of `STATUS`); `direct` passes the caches by."""

    def held(self, key: str) -> tuple[Entry, str] | None:
        """The answer that is here, however old, with nothing asked for."""


class Stage:
    """`rule_for` tells from (method, path) how an answer may be cached, if at all; `seen` whether this node has heard
    of the write that a receipt was given for; `mode_of` what is in force for a tenant; `sure` whether what is read now
    is certain to be the latest."""

    def __init__(
        self,
        app: App,
        *,
        responses: Responses,
        seen: Callable[[str], bool],
        rule_for: Callable[[str, str], CacheRule | None],
        mode_of: Callable[[str], Mode] = lambda tenant: NORMAL,
        sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self.app = app
        self.responses, self.seen, self.rule_for = responses, seen, rule_for
        self.mode_of, self.sure = mode_of, sure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = state_of(scope)
        mode = self.mode_of(state.principal.tenant if state.principal is not None else "")
        found = await self._find(scope, receive, mode)
        if (found is None or found[1] in ("miss", "shared")) and not self.sure():
            state.headers.append((b"x-degraded", b"read_only"))
        if found is None:
            await self.app(scope, receive, Negotiated(scope, send).send)
            return
        entry, how = found
        if how == "degraded":
            state.headers.append((b"x-degraded", b"serve_stale" if "serve_stale" in mode.levels else b"stale"))
        if entry.status == 404:
            raise NotFound(entry.body.decode())
        await send_entry(entry, scope, send, STATUS[how])

    async def _find(self, scope: Scope, receive: Receive, mode: Mode) -> tuple[Entry, str] | None:
        """From the cache, or by way of it; None where the answer is none to cache, or the caller may not have it."""
        rule = self.rule_for(scope["method"], scope["path"])
        tenant = _owner(rule, state_of(scope).principal) if rule is not None else ""
        if rule is None or not tenant:
            return None
        query = cache_keys.canonical(scope["query_string"])
        if query is None:
            return None
        asked = {**scope, "method": "GET", "headers": [], "query_string": query.encode()}
        under = _tags(tenant, rule)
        key = cache_keys.key(tenant, scope["path"], query)
        receipt = first(scope, CONSISTENCY)
        direct = bool(receipt) and not self.seen(receipt)
        if "serve_stale" in mode.levels and not direct and (held := self.responses.held(key)) is not None:
            return held
        sure = self.sure()
        return await self.responses.fetch(
            key,
            under,
            lambda: self._load(asked, receive, rule),
            lambda entry: _lifetime(entry, rule, mode.lifetimes, sure=sure and self.sure()),
            direct=direct,
        )

    async def _load(self, scope: Scope, receive: Receive, rule: CacheRule) -> Entry:
        taken = _Taken()
        try:
            await self.app(scope, receive, taken.send)
        except NotFound as error:
            return Entry(404, [], error.detail.encode(), rule)
        return Entry.of(taken.start, trimmed(taken.body), rule)


def _lifetime(entry: Entry, rule: CacheRule, factor: float, *, sure: bool) -> Lifetime:
    seconds = rule.seconds * factor if entry.status == 200 else min(rule.seconds * factor, _MISSING_SECONDS)
    return Lifetime(ttl=seconds if sure else min(seconds, _UNSURE_SECONDS))


def _owner(rule: CacheRule, principal: Principal | None) -> str:
    """The tenant whose answer it is; "" where the caller may not have one."""
    if rule.tenant:
        return rule.tenant
    return principal.tenant if principal is not None and rule.scope in principal.scopes else ""


def _tags(tenant: str, rule: CacheRule) -> tuple[str, ...]:
    under = tags.of_item(tenant, rule.collection, rule.id) if rule.id else tags.of_list(tenant, rule.collection)
    return tags.of_public(tenant, under) if rule.tenant else under


class _Taken:
    """The `send` that keeps a whole answer."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")
