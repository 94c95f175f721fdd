"""Whose a token is: asked on every request, and so answered from the node's cache of tokens and tenants."""

from collections.abc import Awaitable, Callable
from sys import getsizeof

import msgspec

from gigaday.contracts import OPERATOR, Clock, Document, DocumentStore, Replace
from gigaday.errors import BackendError, Forbidden
from gigaday.model.request import Principal
from gigaday.model.tenant import TENANTS
from gigaday.model.token import TOKENS
from gigaday.ops.remembered import Remembered, RememberedDocuments, key
from gigaday.rules import secrets, times

_MOST_PROVEN = 200_000
_LEAST_CALLERS = 1_000
_RENEWED_SECONDS = 1.0
"""How long a caller is believed without a look into the cache: which is told thereby what is in use, and the store."""
_CALLER_BYTES = 1_900
"""What is kept in memory of whoever shows a token besides its document: the caller here, the one on the hot path, and
the bucket (measured)."""

_ROUNDING_BYTES = 8
"""What the allocator adds to an object, on average."""

_NOTED_AT_ONCE = 500
"""Uses are noted in calls that end within the store's time limit, however many tokens were seen."""

Admit = Callable[[], Awaitable[None]]
"""Raises where a caller may not have the store read for a token that is not known."""


def live(token: Document, now: str) -> bool:
    """Whether the token is neither revoked nor at its end."""
    return not token["revokedAt"] and (token["expiresAt"] is None or token["expiresAt"] > now)


class DocumentCodec:
    """Documents as JSON in the shared cache."""

    def encode(self, value: Document) -> bytes:
        return msgspec.json.encode(value)

    def decode(self, raw: bytes) -> Document:
        return msgspec.json.decode(raw, type=Document)

    def size(self, value: Document) -> int:
        return _bytes(value) + (_CALLER_BYTES if "digest" in value else 0)


class _Caller:
    """A principal, and the two documents that it was made from: it holds while both are what the cache has. That was so
    at `version` of the cache, and is until the monotonic second `until` if the version stays."""

    __slots__ = ("ends", "principal", "tenant", "tenant_key", "token", "token_key", "until", "version")

    def __init__(
        self, principal: Principal, ends: float, token_key: str, token: Document, tenant_key: str = "",
        tenant: Document | None = None,
    ) -> None:  # fmt: skip
        self.principal, self.ends = principal, ends
        self.token_key, self.token, self.tenant_key, self.tenant = token_key, token, tenant_key, tenant
        self.version, self.until = -1, 0.0


class TokenLookup:
    """`pepper` keys the HMAC under which tokens are stored."""

    def __init__(self, store: DocumentStore, clock: Clock, pepper: bytes, remembered: Remembered) -> None:
        self._store, self._clock, self._pepper, self._remembered = store, clock, pepper, remembered
        self._documents = RememberedDocuments(store, remembered)
        self._monotonic = clock.monotonic
        self._callers: dict[bytes, _Caller] = {}
        self._most_callers = _LEAST_CALLERS
        self._proven: set[int] = set()
        """Hashes (with the process's secret key) of headers that were right."""
        self._used: set[str] = set()

    def known(self, authorization: bytes, now: float) -> Principal | None:
        """The principal of an Authorization header, where that is known without asking anyone, at a monotonic second.
        For the hot path: the header was proven before, and nothing of what it stood on has changed since."""
        caller = self._callers.get(authorization)
        if caller is None:
            return None
        if (caller.version != self._remembered.version or now >= caller.until) and not self._renew(caller, now):
            return None
        return caller.principal

    async def principal(self, text: str, admit: Admit | None = None) -> Principal | None:
        """Whose token it is, or None. `admit` is asked before the store is read for a token that was not proven before.

        Raises Forbidden for a suspended tenant; BackendDown where it cannot be told, though what was known of a token
        and its tenant is believed for some minutes of an outage.
        """
        id = secrets.id_of(text)
        if id is None:
            return None
        header = b"Bearer " + text.encode()
        if hash(header) not in self._proven and admit is not None:
            await admit()
        token = await self._documents.get(TOKENS, OPERATOR, id)
        if token is None or not self._proves(token, secrets.digest(text, self._pepper)):
            self._callers.pop(header, None)
            self._proven.discard(hash(header))
            return None
        caller = await self._caller(token)
        if caller is None:
            return None
        self._remember(header, caller)
        self._used.add(id)
        return caller.principal

    async def tenant(self, id: str) -> Document | None:
        """The tenant as it is remembered, or None; not to be changed. Raises BackendDown."""
        return await self._documents.get(TENANTS, OPERATOR, id)

    async def record_use(self) -> None:
        """Writes `lastUsedAt` of the tokens seen since the last call that succeeded. Raises BackendError."""
        used, self._used = list(self._used), set()
        try:
            while used:
                await self._note_use(used[-_NOTED_AT_ONCE:])
                del used[-_NOTED_AT_ONCE:]
        except BackendError:
            self._used.update(used)
            raise

    async def _note_use(self, used: list[str]) -> None:
        found = await self._store.get_many(TOKENS, OPERATOR, used)
        now = times.text(self._clock.now())
        writes = [Replace({**t, "lastUsedAt": now, "version": t["version"] + 1}, t["version"]) for t in found.values()]
        if writes:
            await self._store.write(TOKENS, OPERATOR, writes)

    def _remember(self, header: bytes, caller: _Caller) -> None:
        if len(self._proven) >= _MOST_PROVEN:
            self._proven.clear()
        self._proven.add(hash(header))
        if len(self._callers) >= self._most_callers:
            self._forget_outdated()
        self._callers[header] = caller

    def _forget_outdated(self) -> None:
        """Lets go of documents that the cache holds no longer: no more is kept here than it has room for."""
        now = self._monotonic()
        self._callers = {header: caller for header, caller in self._callers.items() if self._holds(caller, now)}
        self._most_callers = len(self._callers) + max(_LEAST_CALLERS, len(self._callers) // 4)

    def _renew(self, caller: _Caller, now: float) -> bool:
        """Whether the caller still holds; if so, notes its use, and for how long that need not be asked again."""
        left = caller.ends - self._clock.now()
        if left <= 0 or not self._holds(caller, now):
            return False
        self._used.add(caller.principal.token_id)
        caller.version = self._remembered.version
        caller.until = min(now + min(left, _RENEWED_SECONDS), self._remembered.fresh_until(caller.token_key))
        if caller.tenant is not None:
            caller.until = min(caller.until, self._remembered.fresh_until(caller.tenant_key))
        return True

    def _holds(self, caller: _Caller, now: float) -> bool:
        """Whether the caller's documents are what the cache has."""
        if self._remembered.fresh(caller.token_key, now) is not caller.token:
            return False
        return caller.tenant is None or self._remembered.fresh(caller.tenant_key, now) is caller.tenant

    def _proves(self, token: Document, digest: str) -> bool:
        return secrets.same(token["digest"], digest) and live(token, times.text(self._clock.now()))

    async def _caller(self, token: Document) -> _Caller | None:
        id, ends = token["_id"], times.seconds(token["expiresAt"]) if token["expiresAt"] else float("inf")
        token_key = key(TOKENS, OPERATOR, id)
        if token["kind"] == "operator":
            principal = Principal(id, "", frozenset(), "unlimited", operator=True)
            return _Caller(principal, ends, token_key, token)
        tenant = await self.tenant(token["tenant"])
        if tenant is None:
            return None
        if tenant["status"] != "active":
            raise Forbidden("This tenant is suspended; ask the operator.")
        principal = Principal(id, tenant["_id"], frozenset(token["scopes"]), tenant["plan"],
                              expires_at=token["expiresAt"])  # fmt: skip
        return _Caller(principal, ends, token_key, token, key(TENANTS, OPERATOR, tenant["_id"]), tenant)


def _bytes(value: object) -> int:
    """What a decoded document, or a part of one, takes in memory; its keys are shared with all others."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return getsizeof(value) + _ROUNDING_BYTES + sum(map(_bytes, parts))
