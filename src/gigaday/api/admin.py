"""What the operator does over HTTP: tenants, their tokens, plans."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from gigaday.api.declaration import BASE
from gigaday.api.operation import MERGE_TYPES, OPERATOR, Call, Operation
from gigaday.api.reading import json_response
from gigaday.api.resource import IF_MATCH
from gigaday.api.tenant import FIELDS, Tenant, changed, tenant_response
from gigaday.api.tokens import KEY, PAGE, IssuedToken, idempotency_key, issued, paged
from gigaday.api.writing import json_body
from gigaday.contracts import Document
from gigaday.errors import Conflict
from gigaday.model.plan import PLANS
from gigaday.model.tenant import NewTenant
from gigaday.model.token import NewToken
from gigaday.ops.tenancy import Tenancy
from gigaday.rules.listing import Listable


class AdminTenantPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator may change of a tenant."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    plan: str | UnsetType = UNSET
    status: Literal["active", "suspended"] | UnsetType = UNSET
    settings: Annotated[dict[str, Any], Meta(max_length=100)] | UnsetType = UNSET


class PlanList(msgspec.Struct):
    """Every plan."""

    data: list[dict[str, Any]]


LISTABLE = Listable({}, ("_id",), FIELDS)


def operations(tenancy: Tenancy, cursor_key: bytes) -> list[Operation]:
    """`/admin`."""
    work = AdminWork(tenancy, cursor_key)
    path = f"{BASE}/admin/tenants"

    def operation(method: str, at: str, name: str, summary: str, handle: Any, **more: Any) -> Operation:
        return Operation(method, at, name, summary, handle, OPERATOR, "admin", opens=True, **more)

    return [
        operation("GET", path, "list_tenants", "List tenants", work.list, answer=("page", Tenant), parameters=PAGE),
        operation("POST", path, "create_tenant", "Create a tenant", work.create, body=NewTenant, success=201,
                  example={"id": "sample", "name": "Sample", "plan": "standard"}, answer=Tenant, errors=(409,),
                  idempotent=True),
        operation("GET", path + "/{id}", "read_any_tenant", "Read a tenant", work.read, answer=Tenant,
                  errors=(304, 404)),
        operation("PATCH", path + "/{id}", "change_any_tenant", "Change a tenant", work.change,
                  body=AdminTenantPatch, body_types=MERGE_TYPES, example={"plan": "standard"}, answer=Tenant,
                  errors=(404, 409, 412), parameters=(IF_MATCH,), idempotent=True),
        operation("POST", path + "/{id}/tokens", "create_tenant_token", "Create a token for a tenant",
                  work.create_token, body=NewToken, example={"name": "admin"}, answer=IssuedToken, success=201,
                  errors=(404, 409), parameters=(KEY,)),
        operation("GET", f"{BASE}/admin/plans", "list_plans", "List plans", work.plans, answer=PlanList),
    ]  # fmt: skip


class AdminWork:
    """What `/admin` does."""

    def __init__(self, tenancy: Tenancy, cursor_key: bytes) -> None:
        self._tenancy, self._cursor_key = tenancy, cursor_key

    async def list(self, call: Call) -> Response:
        """A page of tenants."""
        return await paged(call, self._cursor_key, LISTABLE, "tenants", self._tenancy.list_tenants)

    async def create(self, call: Call) -> Response:
        """A tenant."""
        sent = await json_body(call, NewTenant)
        try:
            tenant = await self._tenancy.create_tenant(**sent)
        except Conflict:
            tenant = await self._made_before(call, sent)
        return tenant_response(tenant, status=201)

    async def _made_before(self, call: Call, sent: dict[str, Any]) -> Document:
        """What a first attempt under the same Idempotency-Key made before it was cut off."""
        tenant = await self._tenancy.get_tenant(sent["id"])
        if not call.retried or any(tenant[name] != sent[name] for name in ("name", "plan", "status", "settings")):
            raise Conflict(f"There is a tenant {sent['id']!r} already.")
        return tenant

    async def read(self, call: Call) -> Response:
        """A tenant."""
        return tenant_response(await self._tenancy.get_tenant(call.params["id"]))

    async def change(self, call: Call) -> Response:
        """A tenant, changed."""
        changes = await json_body(call, AdminTenantPatch, MERGE_TYPES)
        return await changed(self._tenancy, call, call.params["id"], changes)

    async def create_token(self, call: Call) -> Response:
        """A token and its secret."""
        sent = await json_body(call, NewToken)
        key = idempotency_key(call)
        record, secret = await self._tenancy.create_token(
            call.params["id"], sent["name"], sent["kind"], sent["scopes"], sent["expiresIn"],
            once=key and f"{OPERATOR} {key}",
        )  # fmt: skip
        return issued(record, secret)

    async def plans(self, call: Call) -> Response:
        """The plans, with their limits."""
        return json_response({"data": [msgspec.to_builtins(plan) for plan in PLANS.values()]})
