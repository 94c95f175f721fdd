"""The CDN that the settings choose, told of what this process writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gigaday.api.links import Cookies
from gigaday.backends.http_cache import HttpCache
from gigaday.backends.no_cdn import NoCdn
from gigaday.caching.cdn_purge import CdnPurge
from gigaday.caching.invalidation import Invalidation
from gigaday.caching.published_tags import PublishedTags
from gigaday.contracts import Cdn, Clock, DocumentStore
from gigaday.errors import SettingsError
from gigaday.settings import Settings

if TYPE_CHECKING:
    from gigaday.backends.cloudfront import CloudFront

_BATCH_SECONDS = 5.0
"""CloudFront takes few invalidations at a time, each for money, and works on one for many seconds."""


@dataclass(frozen=True)
class Edges:
    """`purges` are told of every write, one for each edge that can be down by itself; none where there is no CDN."""

    cdn: Cdn
    purges: tuple[CdnPurge, ...] = ()
    cookies: Cookies | None = None


@asynccontextmanager
async def open_cdn(
    settings: Settings, clock: Clock, invalidation: Invalidation, documents: DocumentStore
) -> AsyncIterator[Edges]:
    """Connects to nothing yet. `documents` has the tenants. Raises SettingsError for a private key that is none."""
    edges = _edges(settings, clock, documents)
    for purge in edges.purges:
        invalidation.follow(purge.heed)
    try:
        yield edges
    finally:
        for purge in edges.purges:
            await purge.close()
        await edges.cdn.close()


def _edges(settings: Settings, clock: Clock, documents: DocumentStore) -> Edges:
    if settings.cloudfront_domain is not None:
        cloudfront = _cloudfront(settings, clock)
        worth = PublishedTags(documents).among
        purge = CdnPurge(cloudfront.purge, pause=_BATCH_SECONDS, echoes=(), worth=worth)
        return Edges(cloudfront, (purge,), cloudfront)
    if settings.cdn_endpoint is not None:
        caches = HttpCache(settings.cdn_endpoint, settings.cdn_purge_urls)
        return Edges(caches, tuple(CdnPurge(edge.purge) for edge in caches.edges))
    return Edges(NoCdn())


def _cloudfront(settings: Settings, clock: Clock) -> "CloudFront":
    # Here, so that nobody else waits for the drivers.
    from gigaday.backends.cloudfront import CloudFront
    from gigaday.backends.cloudfront_signer import CloudFrontSigner

    try:
        signer = CloudFrontSigner(settings.cloudfront_key_pair_id or "", _private_key(settings))
    except (OSError, ValueError) as error:
        raise SettingsError(f"These settings are wrong:\n  CLOUDFRONT_PRIVATE_KEY: {error}") from error
    secret = settings.aws_secret_access_key
    return CloudFront(
        settings.cdn_endpoint or f"https://{settings.cloudfront_domain}",
        settings.cloudfront_distribution_id or "",
        signer,
        clock,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
    )


def _private_key(settings: Settings) -> str:
    stated = settings.cloudfront_private_key.get_secret_value() if settings.cloudfront_private_key else ""
    return stated if "-----BEGIN" in stated else Path(stated).read_text(encoding="ascii")


def describe_cdn(settings: Settings) -> str:
    """What was chosen, for the operator's eyes."""
    if settings.cloudfront_domain is not None:
        return f"CloudFront ({settings.cloudfront_domain})"
    if settings.cdn_endpoint is not None:
        return f"HTTP cache ({settings.cdn_endpoint}, {len(settings.cdn_purge_urls)} purged)"
    return "none: media are served by the node"
