"""The catalogues that tenants publish: active products, without a token, as the routes with one answer them.

A tenant that does not publish answers as one that does not exist.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.responses import Response

from gigaday.api import products
from gigaday.api.declaration import PUBLISHED, Origin, Resource
from gigaday.api.operation import PUBLIC, Cached, Call, Operation
from gigaday.api.reading import Reading
from gigaday.api.resource import FIELDS, list_parameters
from gigaday.contracts import OPERATOR, Filter
from gigaday.errors import NotFound
from gigaday.model.request import Principal
from gigaday.model.tenant import TENANTS, publishes
from gigaday.rules import tags

_ACTIVE = (Filter("status", "eq", "active"),)
_PURGED = "public, s-maxage=3600, stale-while-revalidate=60"
"""For a CDN that is told of writes."""
_UNPURGED = "public, no-cache"
Read = Callable[[Call], Awaitable[Response]]


def operations(origin: Origin, *, purged: bool) -> list[Operation]:
    """List and read. `purged` says that there is a CDN which is told of writes, by the tags that answers carry."""
    resource, public = products.RESOURCE, PublicWork(products.RESOURCE, origin, purged=purged)
    path = f"{PUBLISHED}/{{tenant}}/{resource.name}"
    cached = Cached(resource.collection.name, resource.cache_seconds)
    return [
        Operation("GET", path, f"list_published_{resource.name}", f"List a tenant's published {resource.name}",
                  public.list, PUBLIC, "public", cached=cached, answer=("page", resource.answer), errors=(304, 404),
                  parameters=list_parameters(resource.listable)),
        Operation("GET", f"{path}/{{id}}", f"read_published_{resource.singular}",
                  f"Read a published {resource.singular}", public.read, PUBLIC, "public", cached=cached,
                  answer=("part", resource.answer), errors=(304, 404), parameters=(FIELDS,)),
    ]  # fmt: skip


class PublicWork:
    """What is there for anyone."""

    def __init__(self, resource: Resource, origin: Origin, *, purged: bool) -> None:
        self._resource, self._origin, self._purged = resource, origin, purged
        self._reading = Reading(resource, origin, only=_ACTIVE)

    async def list(self, call: Call) -> Response:
        """A page."""
        tenant, name = call.params["tenant"], self._resource.collection.name
        return await self._published(call, self._reading.list, tags.of_list(tenant, name))

    async def read(self, call: Call) -> Response:
        """One item."""
        tenant, name = call.params["tenant"], self._resource.collection.name
        return await self._published(call, self._reading.read, tags.of_item(tenant, name, call.params["id"]))

    async def _published(self, call: Call, read: Read, under: Sequence[str]) -> Response:
        tenant = call.params["tenant"]
        found = await self._origin.documents.get(TENANTS, OPERATOR, tenant)
        if found is None or not publishes(found):
            raise NotFound("There is no such catalogue.")
        principal = Principal("", tenant, frozenset(), found["plan"])
        response = await read(msgspec.structs.replace(call, principal=principal))
        response.headers["access-control-allow-origin"] = "*"
        response.headers["cache-control"] = _PURGED if self._purged else _UNPURGED
        if self._purged:
            response.headers["surrogate-key"] = " ".join(tags.of_public(tenant, under))
        return response
