"""A tenant's tokens: made, listed, rotated, revoked."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from starlette.responses import Response

from gigaday.api.declaration import BASE
from gigaday.api.operation import Call, Operation, Parameter
from gigaday.api.reading import answer, json_response
from gigaday.api.writing import json_body
from gigaday.contracts import Document
from gigaday.errors import BadRequest
from gigaday.model.token import NewToken
from gigaday.ops.tenancy import Tenancy
from gigaday.rules import cursors, listing
from gigaday.rules.listing import Listable

Fetch = Callable[[int, str | None], Awaitable[list[Document]]]
MAX_OVERLAP = 30 * 86_400
_KEY = re.compile(r"[!-~]{1,255}")


class Token(msgspec.Struct):
    """A token as answered; the secret itself is in the answer that made it, and nowhere else."""

    id: str = msgspec.field(name="_id")
    name: str
    kind: str
    scopes: list[str]
    createdAt: str
    expiresAt: str | None = None
    revokedAt: str | None = None
    lastUsedAt: str | None = None
    rotatedFrom: str | None = None
    rotatedTo: str | None = None


class IssuedToken(Token, kw_only=True):
    """`token` is the secret, shown this once."""

    token: str


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """`overlap` is how many seconds the old token still works. The new one ends when the old one would have."""

    overlap: Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP)] = 3600


FIELDS = tuple(field.encode_name for field in msgspec.structs.fields(Token))
LISTABLE = Listable({}, ("_id",), FIELDS)
PAGE = (
    Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    Parameter("cursor", {"type": "string"}, "`next` of the page before."),
)
KEY = Parameter(
    "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "A secret is shown once: the same key again makes no second token, but answers 409 and names the first.", "header",
)  # fmt: skip
ROTATION_KEY = msgspec.structs.replace(
    KEY, description="A token is rotated once: with a key or without, a second time answers 409 and names the first."
)


def operations(tenancy: Tenancy, cursor_key: bytes) -> list[Operation]:
    """`/tokens`."""
    path, work = f"{BASE}/tokens", TokenWork(tenancy, cursor_key)
    example = {"name": "storefront", "kind": "publishable", "scopes": ["products:read"]}
    return [
        Operation("GET", path, "list_tokens", "List tokens", work.list, "tokens:read", "tokens",
                  answer=("page", Token), parameters=PAGE),
        Operation("POST", path, "create_token", "Create a token", work.create, "tokens:write", "tokens",
                  body=NewToken, example=example, answer=IssuedToken, success=201, errors=(409,), parameters=(KEY,),
                  cost=5),
        Operation("POST", path + "/{id}/rotate", "rotate_token", "Replace a token by a new one", work.rotate,
                  "tokens:write", "tokens", body=Rotation, example={"overlap": 3600}, answer=IssuedToken,
                  success=201, errors=(404, 409), parameters=(ROTATION_KEY,), cost=5),
        Operation("DELETE", path + "/{id}", "revoke_token", "Revoke a token", work.revoke, "tokens:write", "tokens",
                  success=204, errors=(404, 409), cost=5, opens=True, idempotent=True),
    ]  # fmt: skip


class TokenWork:
    """What `/tokens` does. A token can hand on no scope that it lacks, and no time beyond its own end.

    Making a token is not replayed as other writes are, since its answer holds a secret that nothing may keep.
    """

    def __init__(self, tenancy: Tenancy, cursor_key: bytes) -> None:
        self._tenancy, self._cursor_key = tenancy, cursor_key

    async def list(self, call: Call) -> Response:
        """A page of tokens, the revoked ones included."""
        tenant = call.principal.tenant

        async def fetch(limit: int, after: str | None) -> list[Document]:
            return await self._tenancy.list_tokens(tenant, limit, after)

        return await paged(call, self._cursor_key, LISTABLE, "tokens", fetch)

    async def create(self, call: Call) -> Response:
        """A token and its secret."""
        sent = await json_body(call, NewToken)
        record, secret = await self._tenancy.create_token(
            call.principal.tenant, sent["name"], sent["kind"], sent["scopes"], sent["expiresIn"],
            by=call.principal, once=idempotency_key(call),
        )  # fmt: skip
        return issued(record, secret)

    async def rotate(self, call: Call) -> Response:
        """The successor and its secret; 409 with its id from then on."""
        idempotency_key(call)
        sent = await json_body(call, Rotation)
        return issued(
            *await self._tenancy.rotate_token(
                call.principal.tenant, call.params["id"], sent["overlap"], by=call.principal
            )
        )

    async def revoke(self, call: Call) -> Response:
        """Nothing."""
        await self._tenancy.revoke_token(call.principal.tenant, call.params["id"])
        return Response(status_code=204)


def idempotency_key(call: Call) -> str:
    """The key sent, or "". Raises BadRequest."""
    key = call.request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return key or ""


def issued(record: Document, secret: str) -> Response:
    """A new token's answer, which nothing may store."""
    value = {**answer(record, FIELDS), "token": secret}
    return json_response(value, status=201, headers={"cache-control": "no-store"})


async def paged(call: Call, key: bytes, listable: Listable, name: str, fetch: Fetch) -> Response:
    """A page of `fetch(limit, after id)`, by id."""
    asked = listing.parse(call.request.scope["query_string"], listable, (call.principal.tenant, name), key)
    after = asked.query.after[1] if asked.query.after else None
    found = await fetch(asked.query.limit + 1, after)
    page = found[: asked.query.limit]
    more = len(found) > len(page)
    following = cursors.make((page[-1]["_id"], page[-1]["_id"]), asked.question, key) if more else None
    return json_response({"data": [answer(item, listable.fields) for item in page], "next": following})
