"""Tenants, tokens, limits and the caches of one process, over the chosen back ends."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from gigaday.api.declaration import Resource
from gigaday.backends.clock import SystemClock
from gigaday.caching.coherent import Coherent
from gigaday.caching.fill import Codec
from gigaday.compose.backends import Backends
from gigaday.compose.resources import RESOURCES
from gigaday.contracts import Document, Policy
from gigaday.edge.entry import Entry, EntryCodec
from gigaday.edge.load import Caps, Load
from gigaday.limiting.shadow import Shadowed
from gigaday.model.plan import PLANS
from gigaday.ops.audit import Audit, AuditFile
from gigaday.ops.demo import Demo
from gigaday.ops.limits import Limits
from gigaday.ops.mode_file import ModeFile
from gigaday.ops.modes import Modes
from gigaday.ops.remembered import RememberedDocuments
from gigaday.ops.tenancy import Tenancy
from gigaday.ops.token_lookup import DocumentCodec, TokenLookup
from gigaday.resilience.modes import Automatic, of_database
from gigaday.settings import Settings

V = TypeVar("V")
_TOKENS_SHARE, _DELIVERED_SHARE = 4, 16
"""One part in so many of the cache's memory is for tokens and tenants, and for media whose files are fetched."""


@dataclass(frozen=True)
class Services:
    """What requests are served with: `buckets` are the enforced limits, with those on trial beside them."""

    tenancy: Tenancy
    tokens: TokenLookup
    limits: Limits
    modes: Modes
    load: Load
    buckets: Shadowed
    responses: Coherent[Entry]
    callers: Coherent[Document]
    """Tokens and tenants."""
    delivered: RememberedDocuments
    """Tenants and media whose files are fetched."""


def services(backends: Backends, settings: Settings, resources: Sequence[Resource] = RESOURCES) -> Services:
    """All of them, with empty caches."""
    in_force = limits(backends, settings)
    for_tokens, for_delivered = settings.cache_bytes // _TOKENS_SHARE, settings.cache_bytes // _DELIVERED_SHARE
    remembered = _cache(backends, DocumentCodec(), for_tokens)
    return Services(
        tenancy(backends, settings, resources),
        TokenLookup(backends.plain, backends.clock, pepper_of(settings), remembered),
        in_force,
        modes(backends, settings),
        Load(Caps(max_in_flight=settings.max_in_flight, request_timeout=settings.request_timeout)),
        Shadowed(backends.buckets, backends.buckets, in_force.trial),
        _cache(backends, EntryCodec(), settings.cache_bytes - for_tokens - for_delivered),
        remembered,
        RememberedDocuments(backends.documents, _cache(backends, DocumentCodec(), for_delivered)),
    )


def _cache(backends: Backends, codec: Codec[V], max_bytes: int) -> Coherent[V]:
    coherence = backends.coherence
    shared = coherence.shared.cache if coherence.shared else None
    return Coherent(backends.clock, codec, coherence.invalidation, coherence.trust, shared=shared, max_bytes=max_bytes)


def pepper_of(settings: Settings) -> bytes:
    """The key of token HMACs: set, or made once and kept beside the data."""
    if settings.pepper is not None:
        return settings.pepper.get_secret_value().encode()
    path = settings.data_dir / "pepper"
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"pepper.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        try:
            os.link(fresh, path)
        finally:
            fresh.unlink()
    return path.read_text().encode()


def tenancy(backends: Backends, settings: Settings, resources: Sequence[Resource] = RESOURCES) -> Tenancy:
    """Tenants and tokens over the chosen documents."""
    return Tenancy(
        backends.documents,
        backends.clock,
        environment=settings.environment,
        pepper=pepper_of(settings),
        resources=[declared.name for declared in resources],
    )


def limits(backends: Backends, settings: Settings) -> Limits:
    """The limits in force, to be refreshed."""
    anonymous = Policy("default", settings.anonymous_quota, settings.anonymous_window)
    return Limits(backends.documents, backends.clock, PLANS, anonymous)


def modes(backends: Backends, settings: Settings) -> Modes:
    """The modes in force, to be refreshed."""
    automatic = Automatic(of_database(backends.plain))
    return Modes(backends.plain, backends.clock, mode_file(settings), automatic)


def mode_file(settings: Settings) -> ModeFile:
    """What is set for this node alone, beside its data."""
    return ModeFile(settings.data_dir / "modes.json")


def audit(backends: Backends | None, settings: Settings, by: str) -> Audit:
    """The audit trail, to be added to by `by`; without back ends, what this machine alone has of it."""
    store, clock = (backends.plain, backends.clock) if backends is not None else (None, SystemClock())
    return Audit(store, clock, AuditFile(settings.data_dir / "audit.jsonl"), by)


async def demo(backends: Backends, settings: Settings) -> str:
    """The demo tenant's token, with everything behind it made where it is missing."""
    work = tenancy(backends, settings)
    token_file = settings.data_dir / "demo.token"
    return await Demo(backends.documents, backends.objects, work, backends.clock, token_file).ensure()
