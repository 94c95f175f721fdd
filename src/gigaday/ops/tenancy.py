"""Tenants and their tokens: made, listed, rotated, revoked, and looked up on every request."""

import secrets as randomness
from collections.abc import Sequence
from typing import Any

from gigaday.contracts import OPERATOR, Clock, Document, DocumentStore, Filter, Insert, Query, Replace
from gigaday.errors import BackendDown, Conflict, Fault, Forbidden, Invalid, NotFound
from gigaday.model.plan import PLANS
from gigaday.model.request import Principal
from gigaday.model.tenant import TENANTS
from gigaday.model.token import FIXED_SCOPES, TOKENS, readable
from gigaday.rules import secrets, times

KNOWN_SECONDS = 1.0
"""How long a looked-up token is believed: what bounds a revocation on the other nodes."""
STALE_SECONDS = 300.0
_MOST_KNOWN = 100_000
_ATTEMPTS = 5


class Tenancy:
    """`environment` goes into token texts ("live", "test"); `pepper` keys their HMAC; `resources` are the names of
    what scopes can be given for."""

    def __init__(
        self, store: DocumentStore, clock: Clock, *, environment: str, pepper: bytes, resources: Sequence[str] = ()
    ) -> None:
        self._scopes = (*(f"{name}:{verb}" for name in resources for verb in ("read", "write")), *FIXED_SCOPES)
        self._store, self._clock = store, clock
        self._environment, self._pepper = environment, pepper
        self._known: dict[str, tuple[float, str, Principal]] = {}
        self._used: set[str] = set()

    # -- tenants

    async def create_tenant(
        self, id: str, name: str, plan: str = "free", settings: dict[str, Any] | None = None, status: str = "active"
    ) -> Document:
        """Raises Conflict where the id is taken, Invalid where the plan is not known."""
        _check_plan(plan)
        now = times.text(self._clock.now())
        tenant = {
            "_id": id, "name": name, "plan": plan, "status": status, "settings": settings or {},
            "createdBy": OPERATOR, "createdAt": now, "updatedAt": now, "version": 1,
        }  # fmt: skip
        if await self._store.write(TENANTS, OPERATOR, [Insert(tenant)]) != ["applied"]:
            raise Conflict(f"There is a tenant {id!r} already.")
        return tenant

    async def get_tenant(self, id: str) -> Document:
        """Raises NotFound."""
        tenant = await self._store.get(TENANTS, OPERATOR, id)
        if tenant is None:
            raise NotFound("There is no such tenant.")
        return tenant

    async def list_tenants(self, limit: int = 100, after: str | None = None) -> list[Document]:
        """By id."""
        query = Query(limit=limit, after=None if after is None else (after, after))
        return await self._store.page(TENANTS, OPERATOR, query)

    async def change_tenant(self, id: str, changes: dict[str, Any]) -> Document:
        """Raises NotFound, Invalid, Conflict."""
        if "plan" in changes:
            _check_plan(changes["plan"])
        for _ in range(_ATTEMPTS):
            tenant = await self.get_tenant(id)
            now = times.text(self._clock.now())
            changed = {**tenant, **changes, "updatedAt": now, "version": tenant["version"] + 1}
            if await self._store.write(TENANTS, OPERATOR, [Replace(changed, tenant["version"])]) == ["applied"]:
                self._known.clear()
                return changed
        raise Conflict("The tenant changed meanwhile; try again.")

    async def set_status(self, id: str, status: str) -> Document:
        """To "active" or "suspended"."""
        return await self.change_tenant(id, {"status": status})

    # -- tokens

    async def create_token(
        self,
        tenant: str,
        name: str,
        kind: str = "secret",
        scopes: list[str] | None = None,
        expires_in: int | None = None,
        granted: frozenset[str] | None = None,
    ) -> tuple[Document, str]:
        """The record and the secret, which is not kept. Where a token makes another, `granted` are its own scopes:
        it can hand on no more. Raises Invalid, NotFound, Forbidden."""
        await self.get_tenant(tenant)
        allowed = readable(self._scopes) if kind == "publishable" else self._scopes
        if scopes is None:
            scopes = [scope for scope in allowed if granted is None or scope in granted]
        chosen = list(dict.fromkeys(scopes))
        if wrong := [scope for scope in chosen if scope not in allowed]:
            detail = f"{wrong[0]!r} is not a scope of a {kind} token; known: {', '.join(allowed)}"
            raise Invalid("A scope is not valid.", errors=[Fault("/scopes", detail)])
        _check_granted(chosen, granted)
        return await self._issue({"tenant": tenant, "name": name, "kind": kind, "scopes": chosen}, expires_in)

    async def operator_token(self) -> str | None:
        """A new operator token, or None where there is one already."""
        existing = await self._store.page(TOKENS, OPERATOR, Query((Filter("kind", "eq", "operator"),), limit=1))
        if existing:
            return None
        _, secret = await self._issue({"tenant": "", "name": "operator", "kind": "operator", "scopes": []}, None)
        return secret

    async def _issue(self, fields: dict[str, Any], expires_in: int | None) -> tuple[Document, str]:
        now = self._clock.now()
        secret = secrets.make(self._environment, randomness.token_bytes(secrets.RANDOM_BYTES))
        record = {
            "_id": secret.id, **fields, "digest": secrets.digest(secret.text, self._pepper),
            "expiresAt": None if expires_in is None else times.text(now + expires_in),
            "revokedAt": None, "lastUsedAt": None, "createdBy": OPERATOR, "createdAt": times.text(now),
            "updatedAt": times.text(now), "version": 1,
        }  # fmt: skip
        await self._store.write(TOKENS, OPERATOR, [Insert(record)])
        return record, secret.text

    async def list_tokens(self, tenant: str, limit: int = 100, after: str | None = None) -> list[Document]:
        """By id, the revoked ones included."""
        keyset = None if after is None else (after, after)
        return await self._store.page(
            TOKENS, OPERATOR, Query((Filter("tenant", "eq", tenant),), after=keyset, limit=limit)
        )

    async def rotate_token(
        self, tenant: str, id: str, overlap: int = 3600, granted: frozenset[str] | None = None
    ) -> tuple[Document, str]:
        """A new token like the old one, which goes on for `overlap` seconds. Raises NotFound, Conflict, Forbidden."""
        old = await self._token(tenant, id)
        _check_granted(old["scopes"], granted)
        if not self._live(old):
            raise Conflict("The token is revoked or has expired; create a new one.")
        fields = {name: old[name] for name in ("tenant", "name", "kind", "scopes")}
        issued = await self._issue({**fields, "rotatedFrom": id}, None)
        until = times.text(self._clock.now() + overlap)
        await self._change(tenant, id, {"expiresAt": min(until, old["expiresAt"] or until)})
        return issued

    async def revoke_token(self, tenant: str, id: str) -> Document:
        """Refused on this node at once, elsewhere within `KNOWN_SECONDS`. Raises NotFound."""
        return await self._change(tenant, id, {"revokedAt": times.text(self._clock.now())})

    async def _token(self, tenant: str, id: str) -> Document:
        token = await self._store.get(TOKENS, OPERATOR, id)
        if token is None or token["tenant"] != tenant:
            raise NotFound("There is no such token.")
        return token

    async def _change(self, tenant: str, id: str, changes: dict[str, Any]) -> Document:
        for _ in range(_ATTEMPTS):
            token = await self._token(tenant, id)
            changed = {**token, **changes, "version": token["version"] + 1}
            if await self._store.write(TOKENS, OPERATOR, [Replace(changed, token["version"])]) == ["applied"]:
                self._known.pop(token["digest"], None)
                return changed
        raise Conflict("The token changed meanwhile; try again.")

    def _live(self, token: Document) -> bool:
        now = times.text(self._clock.now())
        return not token["revokedAt"] and (token["expiresAt"] is None or token["expiresAt"] > now)

    # -- the lookup of every request

    async def lookup(self, text: str) -> Principal | None:
        """Whose token it is, or None. Raises Forbidden for a suspended tenant; BackendDown where it cannot be told,
        though a token known in the last `STALE_SECONDS` is still believed then."""
        id = secrets.id_of(text)
        if id is None:
            return None
        digest = secrets.digest(text, self._pepper)
        now = self._clock.monotonic()
        known = self._known.get(digest)
        if known is not None and now - known[0] < KNOWN_SECONDS and not self._lapsed(known[1]):
            return known[2]
        try:
            return await self._look_up(id, digest, now)
        except BackendDown:
            if known is not None and now - known[0] < STALE_SECONDS and not self._lapsed(known[1]):
                return known[2]
            raise

    def _lapsed(self, expires: str) -> bool:
        return bool(expires) and expires <= times.text(self._clock.now())

    async def _look_up(self, id: str, digest: str, now: float) -> Principal | None:
        token = await self._store.get(TOKENS, OPERATOR, id)
        principal = await self._principal(token) if token and self._proves(token, digest) else None
        if token is None or principal is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[digest] = (now, token["expiresAt"] or "", principal)
        self._used.add(id)
        return principal

    def _proves(self, token: Document, digest: str) -> bool:
        return secrets.same(token["digest"], digest) and self._live(token)

    async def _principal(self, token: Document) -> Principal | None:
        if token["kind"] == "operator":
            return Principal(token["_id"], "", frozenset(), "unlimited", operator=True)
        tenant = await self._store.get(TENANTS, OPERATOR, token["tenant"])
        if tenant is None:
            return None
        if tenant["status"] != "active":
            self._known.pop(token["digest"], None)
            raise Forbidden("This tenant is suspended; ask the operator.")
        return Principal(token["_id"], token["tenant"], frozenset(token["scopes"]), tenant["plan"])

    async def record_use(self) -> None:
        """Writes `lastUsedAt` of the tokens seen since the last call."""
        used, self._used = self._used, set()
        found = await self._store.get_many(TOKENS, OPERATOR, list(used)) if used else {}
        now = times.text(self._clock.now())
        writes = [Replace({**t, "lastUsedAt": now, "version": t["version"] + 1}, t["version"]) for t in found.values()]
        if writes:
            await self._store.write(TOKENS, OPERATOR, writes)


def _check_granted(scopes: list[str], granted: frozenset[str] | None) -> None:
    if granted is not None and (lacking := [scope for scope in scopes if scope not in granted]):
        raise Forbidden(f"A token cannot hand on a scope that it lacks: {', '.join(lacking)}.")


def _check_plan(plan: str) -> None:
    if plan not in PLANS:
        detail = f"{plan[:100]!r} is not a plan; known: {', '.join(PLANS)}"
        raise Invalid("The plan is not known.", errors=[Fault("/plan", detail)])
