"""The caller's own tenant."""

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from gigaday.api.declaration import BASE
from gigaday.api.operation import MERGE_TYPES, Call, Operation
from gigaday.api.reading import answer, json_response, tag
from gigaday.api.resource import IF_MATCH
from gigaday.api.writing import check_if_match, json_body
from gigaday.contracts import Document
from gigaday.ops.tenancy import Tenancy


class Tenant(msgspec.Struct):
    """A tenant as answered."""

    id: str = msgspec.field(name="_id")
    name: str
    plan: str
    status: str
    settings: dict[str, Any]
    createdAt: str
    updatedAt: str
    version: int


class TenantPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What a tenant may change of itself."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    settings: Annotated[dict[str, Any], Meta(max_length=100)] | UnsetType = UNSET


FIELDS = tuple(field.encode_name for field in msgspec.structs.fields(Tenant))


def operations(tenancy: Tenancy) -> list[Operation]:
    """`/tenant`."""
    path, work = f"{BASE}/tenant", TenantWork(tenancy)
    return [
        Operation("GET", path, "read_tenant", "Read your tenant", work.read, "tenant:read", "tenant", answer=Tenant,
                  errors=(304, 404)),
        Operation("PATCH", path, "change_tenant", "Change your tenant", work.change, "tenant:write", "tenant",
                  body=TenantPatch, body_types=MERGE_TYPES, example={"name": "Acme"}, answer=Tenant,
                  errors=(404, 409, 412), parameters=(IF_MATCH,), idempotent=True),
    ]  # fmt: skip


def tenant_response(tenant: Document, status: int = 200) -> Response:
    """A tenant's answer."""
    return json_response(answer(tenant, FIELDS), etag=tag(tenant), status=status)


class TenantWork:
    """What `/tenant` does."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    async def read(self, call: Call) -> Response:
        """The tenant of the token."""
        return tenant_response(await self._tenancy.get_tenant(call.principal.tenant))

    async def change(self, call: Call) -> Response:
        """The tenant, changed."""
        changes = await json_body(call, TenantPatch, MERGE_TYPES)
        return await changed(self._tenancy, call, call.principal.tenant, changes)


async def changed(tenancy: Tenancy, call: Call, id: str, changes: dict[str, Any]) -> Response:
    """The tenant, changed if it still is what `If-Match` names."""
    return tenant_response(await tenancy.change_tenant(id, changes, partial(check_if_match, call)))
