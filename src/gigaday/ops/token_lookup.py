"""Whose a token is: asked on every request, and so remembered for a second."""

from collections.abc import Awaitable, Callable

from gigaday.contracts import OPERATOR, Clock, Document, DocumentStore, Replace
from gigaday.errors import BackendDown, BackendError, Forbidden
from gigaday.model.request import Principal
from gigaday.model.tenant import TENANTS
from gigaday.model.token import TOKENS
from gigaday.rules import secrets, times

KNOWN_SECONDS = 1.0
"""How long a looked-up token is believed: what bounds a revocation on the other nodes."""
STALE_SECONDS = 300.0
_MOST_KNOWN = 100_000

Admit = Callable[[], Awaitable[None]]
"""Raises where a caller may not have the store read for a token that is not known."""


def live(token: Document, now: str) -> bool:
    """Whether the token is neither revoked nor at its end."""
    return not token["revokedAt"] and (token["expiresAt"] is None or token["expiresAt"] > now)


class TokenLookup:
    """`pepper` keys the HMAC under which tokens are stored."""

    def __init__(self, store: DocumentStore, clock: Clock, pepper: bytes) -> None:
        self._store, self._clock, self._pepper = store, clock, pepper
        self._known: dict[str, tuple[float, Principal]] = {}
        self._forgotten = 0
        self._used: set[str] = set()

    async def principal(self, text: str, admit: Admit | None = None) -> Principal | None:
        """Whose token it is, or None. `admit` is asked before the store is read for a token that is not known.

        Raises Forbidden for a suspended tenant; BackendDown where it cannot be told, though a token known in the last
        `STALE_SECONDS` is still believed then.
        """
        id = secrets.id_of(text)
        if id is None:
            return None
        digest = secrets.digest(text, self._pepper)
        now = self._clock.monotonic()
        known = self._known.get(digest)
        if known is not None and self._lapsed(known[1]):
            known = None
        if known is not None and now - known[0] < KNOWN_SECONDS:
            return known[1]
        if known is None and admit is not None:
            await admit()
        try:
            return await self._read(id, digest, now)
        except BackendDown:
            if known is not None and digest in self._known and now - known[0] < STALE_SECONDS:
                return known[1]
            raise

    def forget(self, digest: str) -> None:
        """Believes this token no longer."""
        self._forgotten += 1
        self._known.pop(digest, None)

    def forget_tenant(self, tenant: str) -> None:
        """Believes no token of the tenant any longer, not even in an outage."""
        self._forgotten += 1
        self._known = {digest: known for digest, known in self._known.items() if known[1].tenant != tenant}

    async def record_use(self) -> None:
        """Writes `lastUsedAt` of the tokens seen since the last call that succeeded. Raises BackendError."""
        used, self._used = self._used, set()
        try:
            await self._note_use(used)
        except BackendError:
            self._used |= used
            raise

    async def _note_use(self, used: set[str]) -> None:
        found = await self._store.get_many(TOKENS, OPERATOR, list(used)) if used else {}
        now = times.text(self._clock.now())
        writes = [Replace({**t, "lastUsedAt": now, "version": t["version"] + 1}, t["version"]) for t in found.values()]
        if writes:
            await self._store.write(TOKENS, OPERATOR, writes)

    def _lapsed(self, principal: Principal) -> bool:
        return principal.expires_at is not None and principal.expires_at <= times.text(self._clock.now())

    async def _read(self, id: str, digest: str, now: float) -> Principal | None:
        forgotten = self._forgotten
        token = await self._store.get(TOKENS, OPERATOR, id)
        principal = await self._owner(token) if token and self._proves(token, digest) else None
        if principal is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        # Something was revoked while this was read: it may have been this.
        if forgotten == self._forgotten:
            self._known[digest] = (now, principal)
        self._used.add(id)
        return principal

    def _proves(self, token: Document, digest: str) -> bool:
        return secrets.same(token["digest"], digest) and live(token, times.text(self._clock.now()))

    async def _owner(self, token: Document) -> Principal | None:
        if token["kind"] == "operator":
            return Principal(token["_id"], "", frozenset(), "unlimited", operator=True)
        tenant = await self._store.get(TENANTS, OPERATOR, token["tenant"])
        if tenant is None:
            return None
        if tenant["status"] != "active":
            # For a known token alone: asking again and again shall not walk through all that are known.
            if token["digest"] in self._known:
                self.forget_tenant(tenant["_id"])
            raise Forbidden("This tenant is suspended; ask the operator.")
        scopes = frozenset(token["scopes"])
        return Principal(token["_id"], tenant["_id"], scopes, tenant["plan"], expires_at=token["expiresAt"])
