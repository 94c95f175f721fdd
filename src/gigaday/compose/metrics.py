"""Which of a process's integers are told to Prometheus, and by what name.

A scrape reaches one worker, and tells of that one alone: a node that is watched has one worker.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gigaday.caching.cdn_purge import CdnPurge
from gigaday.caching.coherent import Coherent
from gigaday.compose.backends import Backends
from gigaday.compose.services import Services
from gigaday.edge.counters import BOUNDS, Counters
from gigaday.edge.load import Load
from gigaday.imaging.variants import StoredImages
from gigaday.limiting.counts import Counts
from gigaday.ops.health import RANK, Health
from gigaday.ops.metrics import Exposition, Family, Histogram

_DECISIONS = ("leased", "exact", "denied", "shared_in", "closed")
_LOOKUPS = ("hits", "misses", "stale", "shared_hits", "degraded", "loads", "failed_loads", "flushes")


def exposition(backends: Backends, with_: Services, health: Health, counters: Counters, load: Load) -> Exposition:
    """All of them."""
    shared = backends.coherence.shared
    caches: dict[str, Coherent[Any]] = {"responses": with_.responses, "callers": with_.callers}
    return Exposition([
        *_requests(counters, load),
        *_caches(caches),
        *(_limits(shared.buckets.counts) if shared else ()),
        *(_cdn(backends.edges.purges) if backends.edges.purges else ()),
        *_images(backends.images),
        *_state(health),
    ])  # fmt: skip


def _requests(counters: Counters, load: Load) -> list[Family | Histogram]:
    return [
        Family("counter", "gigaday_requests", "Requests answered, by status.",
               lambda: {(str(status),): count for status, count in counters.statuses.items()}, ("status",)),
        Histogram("gigaday_request_duration_seconds", "Time until the answer had been handed over.", BOUNDS,
                  lambda: (counters.latency, counters.seconds)),
        _one("counter", "gigaday_requests_hot", "Requests answered from memory alone.", lambda: counters.hot),
        _one("counter", "gigaday_requests_aborted", "Requests that ended without an answer.", lambda: counters.aborted),
        _one("counter", "gigaday_requests_shed", "Requests refused for overload.", lambda: load.refused),
        # But for the scrape itself.
        _one("gauge", "gigaday_requests_in_flight", "Requests worked on.", lambda: load.in_flight - 1),
        _one("gauge", "gigaday_requests_open", "Those, and what waits for its client.", lambda: load.open - 1),
        _one("gauge", "gigaday_concurrency_limit", "Requests worked on at most, as learnt.", lambda: load.limit.value),
    ]  # fmt: skip


def _caches(caches: Mapping[str, Coherent[Any]]) -> list[Family | Histogram]:
    return [
        Family("counter", "gigaday_cache_events", "What became of lookups, and what they led to.",
               lambda: {(name, what): getattr(cache, what) for name, cache in caches.items() for what in _LOOKUPS},
               ("cache", "event")),
    ]  # fmt: skip


def _limits(counts: Counts) -> list[Family | Histogram]:
    return [
        Family("counter", "gigaday_limit_decisions", "Decisions about limits, by how they came about.",
               lambda: {(how,): getattr(counts, how) for how in _DECISIONS}, ("how",)),
        _one("counter", "gigaday_limit_round_trips", "Calls of the shared buckets.", lambda: counts.round_trips),
        _one("counter", "gigaday_limit_failures", "Those that found them down.", lambda: counts.failures),
        _one("counter", "gigaday_limit_unshared_tokens",
             "Tokens admitted that no shared bucket gave: an upper estimate of the over-admission.",
             lambda: counts.unshared_tokens),
    ]  # fmt: skip


def _cdn(purges: Sequence[CdnPurge]) -> list[Family | Histogram]:
    return [
        _one("counter", "gigaday_cdn_purges", "Batches of tags that edges have forgotten.",
             lambda: sum(purge.purges for purge in purges)),
        _one("counter", "gigaday_cdn_purge_failures", "Batches that an edge could not be told; they are tried again.",
             lambda: sum(purge.failures for purge in purges)),
        _one("gauge", "gigaday_cdn_purges_owed", "Tags that edges have still to be told.",
             lambda: sum(purge.owed for purge in purges)),
    ]  # fmt: skip


def _images(images: StoredImages) -> list[Family | Histogram]:
    return [
        _one("counter", "gigaday_images_rendered", "Renderings made.", lambda: images.rendered),
        _one("counter", "gigaday_images_refused", "Images that could not be rendered.", lambda: images.refused),
        _one("gauge", "gigaday_images_waiting", "Images that wait for a process.", lambda: images.pool.waiting),
        _one("counter", "gigaday_image_processes", "Processes started to render.", lambda: images.pool.started),
    ]


def _state(health: Health) -> list[Family | Histogram]:
    return [
        Family("gauge", "gigaday_component_status", "0 up, 1 degraded, 2 down, -1 not known yet.",
               lambda: {(name,): RANK[component.status] for name, component in health.snapshot().items()},
               ("component",)),
        _one("gauge", "gigaday_draining", "1 once the node asks for no more requests.", lambda: int(health.draining)),
    ]  # fmt: skip


def _one(kind: str, name: str, help: str, read: Callable[[], float]) -> Family:
    return Family("counter" if kind == "counter" else "gauge", name, help, lambda: {(): read()})
