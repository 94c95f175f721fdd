"""`gigaday cache`: throws away what is cached, on every node."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_backends
from gigaday.errors import BadRequest

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.cache import Purged
    from gigaday.settings import Settings

All = Annotated[bool, Parameter(name="--all", negative="")]
_BELIEVED = 1.0
"""Seconds that a node that hears of nothing believes what it has cached."""
NOTHING_SHARED = (
    "Nothing is shared: without REDIS_CLUSTER_URLS each node believes what it has cached for a second, and there is "
    "nothing to purge."
)


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    cache = App(name="cache", help="Throw away what is cached, on every node.")
    app.command(cache)

    @cache.command
    def purge(*, tag: str | None = None, tenant: str | None = None, all_: All = False, json: AsJson = False) -> None:
        """Have every node, the shared cache and the CDN drop what stands under a tag, of a tenant, or everything.

        Returns once all have, with a receipt. Writes do this by themselves; it is for what was changed behind
        Gigaday's back, in the database itself.

        Parameters
        ----------
        tag
            TENANT, TENANT/COLLECTION, TENANT/COLLECTION/ (its lists) or TENANT/COLLECTION/ID.
        tenant
            Everything of this tenant.
        all_
            Everything of everybody: expect the database to be busy until the caches have filled again.
        """
        named = _named(tag, tenant, all_)
        purged = with_backends(load, lambda backends, settings: _purge(backends, settings, named))
        if purged is None:
            note(NOTHING_SHARED)
            show({"tags": [named], "nodes": 0, "milliseconds": 0.0}, json)
        else:
            show({"tags": list(purged.tags), "nodes": purged.nodes, "milliseconds": purged.milliseconds}, json)


def _named(tag: str | None, tenant: str | None, everything: bool) -> str:
    """The one tag that was asked for. Raises BadRequest."""
    from gigaday import compose
    from gigaday.compose.resources import UNCACHED
    from gigaday.ops.cache import checked
    from gigaday.rules import tags

    if (tag is not None) + (tenant is not None) + everything != 1:
        raise BadRequest("Name one of --tag TAG, --tenant ID and --all.")
    if everything:
        return tags.ALL
    if tenant is not None and "/" in tenant:
        raise BadRequest(f"{tenant[:100]!r} is no tenant's id; for a part of a tenant, use --tag.")
    return checked(tag or tenant or "", [known for known in compose.COLLECTIONS if known.name not in UNCACHED])


async def _purge(backends: "Backends", settings: "Settings", tag: str) -> "Purged | None":
    import asyncio

    from gigaday import compose
    from gigaday.ops.cache import Purge, purge_cdn, tenant_of

    tenant = tenant_of(tag)
    if tenant is not None:
        await compose.tenancy(backends, settings).get_tenant(tenant)
    coherence = backends.coherence
    purged = await Purge(coherence.invalidation, coherence.stream, backends.clock).purge([tag])
    if backends.edges.purges:
        if purged is None:
            await asyncio.sleep(_BELIEVED)
        # After the nodes: what an edge fetches from then on is new.
        await purge_cdn(backends.edges.cdn.purge, [tag])
        note("The CDN has forgotten it, too.")
    return purged
