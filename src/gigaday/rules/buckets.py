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
    level = refilled(level, policy, now)
    # A rounding error of a refill must not refuse a steady client.
    allowed = cost <= level.tokens + 1e-9
    if allowed:
        level = Level(max(0.0, level.tokens - cost), level.at)
    rate = policy.quota / policy.window
    decision = Decision(
        allowed=allowed,
        remaining=math.floor(level.tokens + 1e-9),
        reset=math.ceil((policy.quota - level.tokens) / rate),
        retry_after=0.0 if allowed else (cost - level.tokens) / rate,
    )
    return level, decision
