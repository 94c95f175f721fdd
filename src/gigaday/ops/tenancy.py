"""Tenants and their tokens: made, listed, rotated, revoked."""

import secrets as randomness
from collections.abc import Callable, Sequence
from typing import Any

from gigaday.contracts import OPERATOR, Clock, Document, DocumentStore, Filter, Insert, Query, Replace
from gigaday.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from gigaday.model.plan import PLANS
from gigaday.model.request import Principal
from gigaday.model.tenant import TENANTS
from gigaday.model.token import FIXED_SCOPES, TOKENS, readable
from gigaday.ops.token_lookup import live
from gigaday.rules import secrets, tenant_settings, times

Check = Callable[[Document], object]
"""Raises where a document may not be changed as it is."""
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

    # -- tenants

    async def create_tenant(
        self, id: str, name: str, plan: str = "free", settings: dict[str, Any] | None = None, status: str = "active"
    ) -> Document:
        """Raises Conflict where the id is taken, Invalid where plan or settings are wrong."""
        _check_plan(plan)
        tenant_settings.check(settings or {})
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

    async def change_tenant(self, id: str, changes: dict[str, Any], check: Check | None = None) -> Document:
        """`check` is given the very version that is changed. Raises NotFound, Invalid, Conflict."""
        if "plan" in changes:
            _check_plan(changes["plan"])
        tenant_settings.check(changes.get("settings", {}))
        for _ in range(_ATTEMPTS):
            tenant = await self.get_tenant(id)
            if check is not None:
                check(tenant)
            now = times.text(self._clock.now())
            changed = {**tenant, **changes, "updatedAt": now, "version": tenant["version"] + 1}
            if await self._store.write(TENANTS, OPERATOR, [Replace(changed, tenant["version"])]) == ["applied"]:
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
        by: Principal | None = None,
        once: str = "",
    ) -> tuple[Document, str]:
        """The record and the secret, which is not kept.

        Where a token makes another it is `by`: it can hand on no scope that it lacks, and what it makes ends no later
        than itself. `once` is a name of the caller's for this making; the same again makes no second token: the
        Conflict names the first. Raises Invalid, NotFound, Forbidden, Conflict.
        """
        await self.get_tenant(tenant)
        allowed = readable(self._scopes) if kind == "publishable" else self._scopes
        if scopes is None:
            scopes = [scope for scope in allowed if by is None or scope in by.scopes]
        chosen = list(dict.fromkeys(scopes))
        if wrong := [scope for scope in chosen if scope not in allowed]:
            detail = f"{wrong[0]!r} is not a scope of a {kind} token; known: {', '.join(allowed)}"
            raise Invalid("A scope is not valid.", errors=[Fault("/scopes", detail)])
        _check_granted(chosen, by)
        until = None if expires_in is None else self._after(expires_in)
        fields = {"tenant": tenant, "name": name, "kind": kind, "scopes": chosen}
        return await self._issue(fields, _earliest(until, by.expires_at if by else None), once)

    async def operator_token(self) -> str | None:
        """A new operator token, or None where there is one already."""
        existing = await self._store.page(TOKENS, OPERATOR, Query((Filter("kind", "eq", "operator"),), limit=1))
        if existing:
            return None
        _, secret = await self._issue({"tenant": "", "name": "operator", "kind": "operator", "scopes": []}, None)
        return secret

    async def _issue(self, fields: dict[str, Any], expires: str | None, once: str = "") -> tuple[Document, str]:
        now = times.text(self._clock.now())
        secret = secrets.make(self._environment, self._randomness(fields["tenant"], once))
        record = {
            "_id": secret.id, **fields, "digest": secrets.digest(secret.text, self._pepper),
            "expiresAt": expires, "revokedAt": None, "lastUsedAt": None, "createdBy": OPERATOR, "createdAt": now,
            "updatedAt": now, "version": 1,
        }  # fmt: skip
        if await self._store.write(TOKENS, OPERATOR, [Insert(record)]) != ["applied"]:
            raise Conflict(
                f"The token {secret.id} was made by this same request before, and its secret is shown once only. "
                "Where it was lost, revoke that token and make another under a new key."
            )
        return record, secret.text

    def _randomness(self, tenant: str, once: str) -> bytes:
        """What a token is made of. Its last 60 bits become the id: with `once` the same each time, so that the store
        itself tells a repetition; the 196 bits and more of the secret never are."""
        random = randomness.token_bytes(secrets.RANDOM_BYTES)
        if not once:
            return random
        fixed = bytes.fromhex(secrets.digest(f"once\0{tenant}\0{once}", self._pepper))
        return random[:-8] + fixed[:8]

    def _after(self, seconds: float) -> str:
        return times.text(self._clock.now() + seconds)

    async def list_tokens(self, tenant: str, limit: int = 100, after: str | None = None) -> list[Document]:
        """By id, the revoked ones included."""
        keyset = None if after is None else (after, after)
        return await self._store.page(
            TOKENS, OPERATOR, Query((Filter("tenant", "eq", tenant),), after=keyset, limit=limit)
        )

    async def rotate_token(
        self, tenant: str, id: str, overlap: int = 3600, by: Principal | None = None
    ) -> tuple[Document, str]:
        """A new token like the old one, which goes on for `overlap` seconds. The new one ends when the old one would
        have, and no later than `by`, the token that asks. A token is rotated once: the Conflict of a second time
        names its successor. Raises NotFound, Conflict, Forbidden."""
        old = await self._token(tenant, id)
        _check_granted(old["scopes"], by)
        self._check_rotatable(old)
        fields = {name: old[name] for name in ("tenant", "name", "kind", "scopes")}
        end = _earliest(old["expiresAt"], by.expires_at if by else None)
        record, secret = await self._issue({**fields, "rotatedFrom": id}, end)
        old_end = _earliest(self._after(overlap), old["expiresAt"])
        try:
            changes = {"expiresAt": old_end, "rotatedTo": record["_id"]}
            await self._change(tenant, id, changes, self._check_rotatable)
        except Conflict:
            await self.revoke_token(tenant, record["_id"])
            raise
        return record, secret

    def _check_rotatable(self, token: Document) -> None:
        if successor := token.get("rotatedTo"):
            raise Conflict(f"The token was rotated already; rotate its successor {successor}, or revoke it.")
        if not live(token, times.text(self._clock.now())):
            raise Conflict("The token is revoked or has expired; create a new one.")

    async def revoke_token(self, tenant: str, id: str) -> Document:
        """Refused on this node at once, elsewhere within a second. Raises NotFound."""
        return await self._change(tenant, id, {"revokedAt": times.text(self._clock.now())})

    async def holds(self, text: str) -> bool:
        """Whether `text` is a token that is neither revoked nor at its end."""
        token = await self._store.get(TOKENS, OPERATOR, secrets.id_of(text) or "-")
        proven = token is not None and secrets.same(token["digest"], secrets.digest(text, self._pepper))
        return proven and token is not None and live(token, times.text(self._clock.now()))

    async def _token(self, tenant: str, id: str) -> Document:
        token = await self._store.get(TOKENS, OPERATOR, id)
        if token is None or token["tenant"] != tenant:
            raise NotFound("There is no such token.")
        return token

    async def _change(self, tenant: str, id: str, changes: dict[str, Any], check: Check | None = None) -> Document:
        for _ in range(_ATTEMPTS):
            token = await self._token(tenant, id)
            if check is not None:
                check(token)
            changed = {**token, **changes, "version": token["version"] + 1}
            if await self._store.write(TOKENS, OPERATOR, [Replace(changed, token["version"])]) == ["applied"]:
                return changed
        raise Conflict("The token changed meanwhile; try again.")


def _check_granted(scopes: list[str], by: Principal | None) -> None:
    if by is not None and (lacking := [scope for scope in scopes if scope not in by.scopes]):
        raise Forbidden(f"A token cannot hand on a scope that it lacks: {', '.join(lacking)}.")


def _earliest(*ends: str | None) -> str | None:
    return min((end for end in ends if end is not None), default=None)


def _check_plan(plan: str) -> None:
    if plan not in PLANS:
        detail = f"{plan[:100]!r} is not a plan; known: {', '.join(PLANS)}"
        raise Invalid("The plan is not known.", errors=[Fault("/plan", detail)])
