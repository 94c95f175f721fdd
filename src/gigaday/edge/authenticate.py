"""Who calls: finds the principal of the token, and the client's address.

A refused credential is not raised here but left in the request's state: `edge.limit` first takes a token from the
client's bucket and then raises it, so that guessing tokens is limited too.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from gigaday.edge.asgi import App, Receive, Scope, Send, joined, values
from gigaday.errors import Forbidden, RateLimited, Unauthenticated
from gigaday.model.request import Principal, state_of
from gigaday.rules.clients import Network, client_of

Lookup = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[Principal | None]]
"""The principal of a valid token, else None; awaits its second argument before it works for a token that it does not
know. Raises BackendDown where it cannot tell, which must answer 503: an outage must not look like bad credentials."""

_LONGEST_TOKEN = 512


class Stage:
    """`public` decides from the path alone; what is public is not authenticated at all. `admit` raises RateLimited
    for a client whose address has used up its limit."""

    def __init__(
        self,
        app: App,
        *,
        lookup: Lookup,
        admit: Callable[[str], Awaitable[None]],
        public: Callable[[str], bool],
        trusted_proxies: Sequence[Network] = (),
        local: bool = False,
    ) -> None:
        self.app = app
        self.lookup = lookup
        self.admit = admit
        self.public = public
        self.trusted_proxies = tuple(trusted_proxies)
        self.local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._identify(scope)
        await self.app(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        state = state_of(scope)
        peer = scope.get("client")
        forwarded = joined(scope, b"x-forwarded-for")
        state.client = client_of(peer[0] if peer else "", forwarded, self.trusted_proxies, local=self.local)
        if self.public(scope["path"]):
            return
        try:
            token = _token(scope)
            if token is None:
                return
            state.principal = await self.lookup(token, partial(self.admit, state.client))
            if state.principal is None:
                raise _invalid("The token is unknown, expired or revoked")
        except (Unauthenticated, Forbidden, RateLimited) as refusal:
            state.refusal = refusal


def _token(scope: Scope) -> str | None:
    """The one token sent, None where there is none; Unauthenticated for anything in between."""
    tokens = {_bearer(value) for value in values(scope, b"authorization")}
    tokens.update(value.strip() for value in values(scope, b"x-api-key"))
    if not tokens:
        return None
    if len(tokens) > 1:
        raise _invalid("Send one token, in Authorization or in X-API-Key")
    token = tokens.pop()
    if not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise _invalid("The token is malformed")
    return token


def _bearer(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise _invalid("Authorization must be: Bearer <token>")
    return token.strip()


def _invalid(detail: str) -> Unauthenticated:
    """A refusal of a credential, marked as RFC 6750 section 3.1 asks."""
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer realm="gigaday", error="invalid_token"'})
