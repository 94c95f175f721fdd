"""How long a cached value is believed, as arithmetic: jitter, early refresh, and what may be done with an old one."""

import math
from typing import Literal

import msgspec

_JITTER = 0.1
_EARLIEST = 0.5
"""No value is refreshed before this share of its life, however long its load took."""

Verdict = Literal["fresh", "refresh", "stale", "on_error", "dead"]
"""`fresh`: serve it. `refresh`: serve it while one load renews it. `stale`: the same, past its life. `on_error`: serve
it only where a load failed. `dead`: never."""


class Lifetime(msgspec.Struct, frozen=True):
    """Seconds that a value lives, then may be served while it is renewed, and may be served where renewing fails."""

    ttl: float = 3600.0
    stale_while_revalidate: float = 60.0
    stale_if_error: float = 300.0


def jittered(ttl: float, uniform: float) -> float:
    """`ttl` within 10 % either way, so that what was loaded together does not expire together; `uniform` in [0, 1)."""
    return ttl * (1 - _JITTER + 2 * _JITTER * uniform)


def refresh_after(ttl: float, load_seconds: float, uniform: float) -> float:
    """Seconds of age at which a value is renewed before its end; the longer its load took the earlier, at random.

    Source: XFetch (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015),
    with beta 1, drawn once for each value and process rather than at each read.
    """
    early = load_seconds * -math.log(1.0 - uniform)
    return max(ttl * _EARLIEST, ttl - early)


def verdict(now: float, *, refresh_at: float, expires: float, believed_until: float, lifetime: Lifetime) -> Verdict:
    """What may be done `now` with a value that is known to be unchanged up to `believed_until`."""
    if now >= believed_until or now >= expires + lifetime.stale_while_revalidate:
        return "on_error" if now < min(believed_until, expires) + lifetime.stale_if_error else "dead"
    if now < refresh_at:
        return "fresh"
    return "refresh" if now < expires else "stale"
