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
from gigaday.model.request import CONSISTENCY, state_of
from gigaday.rules import cache_keys, tags
from gigaday.rules.freshness import Lifetime

_MISSING_SECONDS = 30.0
"""How long it is believed that something is not there."""
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


class Stage:
    """`rule_for` tells from (method, path) how an answer may be cached, if at all; `seen` whether this node has heard
    of the write that a receipt was given for."""

    def __init__(
        self,
        app: App,
        *,
        responses: Responses,
        seen: Callable[[str], bool],
        rule_for: Callable[[str, str], CacheRule | None],
    ) -> None:
        self.app = app
        self.responses, self.seen, self.rule_for = responses, seen, rule_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        found = await self._find(scope, receive)
        if found is None:
            await self.app(scope, receive, Negotiated(scope, send).send)
            return
        entry, how = found
        if how == "degraded":
            state_of(scope).headers.append((b"x-degraded", b"stale"))
        if entry.status == 404:
            raise NotFound(entry.body.decode())
        await send_entry(entry, scope, send, STATUS[how])

    async def _find(self, scope: Scope, receive: Receive) -> tuple[Entry, str] | None:
        """From the cache, or by way of it; None where the answer is none to cache, or the caller may not have it."""
        principal = state_of(scope).principal
        rule = self.rule_for(scope["method"], scope["path"])
        if rule is None or principal is None or rule.scope not in principal.scopes:
            return None
        query = cache_keys.canonical(scope["query_string"])
        if query is None:
            return None
        asked = {**scope, "method": "GET", "headers": [], "query_string": query.encode()}
        under = _tags(principal.tenant, rule)
        key = cache_keys.key(principal.tenant, scope["path"], query)
        receipt = first(scope, CONSISTENCY)
        return await self.responses.fetch(
            key,
            under,
            lambda: self._load(asked, receive, rule),
            lambda entry: _lifetime(entry, rule),
            direct=bool(receipt) and not self.seen(receipt),
        )

    async def _load(self, scope: Scope, receive: Receive, rule: CacheRule) -> Entry:
        taken = _Taken()
        try:
            await self.app(scope, receive, taken.send)
        except NotFound as error:
            return Entry(404, [], error.detail.encode(), rule)
        return Entry.of(taken.start, trimmed(taken.body), rule)


def _lifetime(entry: Entry, rule: CacheRule) -> Lifetime:
    return Lifetime(ttl=rule.seconds if entry.status == 200 else min(rule.seconds, _MISSING_SECONDS))


def _tags(tenant: str, rule: CacheRule) -> tuple[str, ...]:
    if rule.id:
        return tags.of_item(tenant, rule.collection, rule.id)
    return tags.of_list(tenant, rule.collection)


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
