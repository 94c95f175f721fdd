"""The token bucket, as arithmetic: a bucket is how full it was and when.

Source: the generic cell rate algorithm's continuous form (Turner, "New directions in communications", 1986).
"""

import math
from typing import NamedTuple

from gigaday.contracts import Decision, Policy


class Level(NamedTuple):
    """`tokens` at monotonic second `at`."""

    tokens: float
    at: float


def full(policy: Policy, now: float) -> Level:
    """A bucket that nobody has taken from."""
    return Level(float(policy.quota), now)


def refilled(level: Level, policy: Policy, now: float) -> Level:
    """The bucket `now`; a clock that went back refills nothing."""
    gained = max(0.0, now - level.at) * policy.quota / policy.window
    return Level(min(float(policy.quota), level.tokens + gained), max(now, level.at))


def take(level: Level, policy: Policy, cost: int, now: float) -> tuple[Level, Decision]:
    """Takes `cost` if it is there; a refusal takes nothing and re-arms nothing."""
    # As `refilled` has it, written out: this runs for every request.
    quota, at = policy.quota, level.at
    rate = quota / policy.window
    tokens = level.tokens
    if now > at:
        tokens, at = min(float(quota), tokens + (now - at) * rate), now
    # A rounding error of a refill must not refuse a steady client.
    allowed = cost <= tokens + 1e-9
    if allowed:
        tokens = max(0.0, tokens - cost)
    wait = 0.0 if allowed else (cost - tokens) / rate
    return Level(tokens, at), Decision(allowed, int(tokens + 1e-9), math.ceil((quota - tokens) / rate), wait)
